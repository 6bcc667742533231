import { expect, test } from "vitest";
import { KeptBody } from "../../proxy/answer/kept-body.ts";

const MB = Buffer.alloc(1_048_576, "x");

function kept(megabytes: number): KeptBody {
  const body = new KeptBody();
  for (let i = 0; i < megabytes; i++) body.add(MB);
  return body;
}

test("a body that is recorded is kept up to 32 MiB, from its beginning", () => {
  const body = new KeptBody();
  body.add(Buffer.from("begin"));
  for (let i = 0; i < 40; i++) body.add(MB);
  body.add(Buffer.from("end"));
  const content = body.take();
  expect(content.length).toBe(31 * MB.length + 5);
  expect(content.subarray(0, 5).toString()).toBe("begin");
});

test("all bodies under way keep no more than 256 MiB, and give back what they kept", () => {
  const many = Array.from({ length: 12 }, () => kept(24));
  const sizes = many.map((body) => body.take().length / MB.length);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(256);
  expect(kept(24).take().length).toBe(24 * MB.length);
});

test("a body that was taken keeps nothing more, and is taken once", () => {
  const body = kept(1);
  expect(body.take().length).toBe(MB.length);
  body.add(MB);
  expect(body.take().length).toBe(0);
});
