import { expect, test } from "vitest";
import type { Identity } from "../../identity/types.ts";
import { UnderWay } from "../../proxy/under-way.ts";

const who = (username: string): Identity => ({ issuer: "dev", username }) as Identity;

test("room for a body is given back once, also where not all of it came", () => {
  const underWay = new UnderWay({ requests: 1, identityBytes: 10, bytes: 15 });
  const first = underWay.bodyOf(who("agent"));
  first.take(6);
  first.take(4);
  expect(() => first.take(1)).toThrow("agent has too many bytes of requests under way");
  const second = underWay.bodyOf(who("bob"));
  second.take(5);
  expect(() => second.take(1)).toThrow("this gateway has too many");
  first.free();
  first.free();
  second.take(5);
  expect(() => underWay.bodyOf(who("agent")).take(6)).toThrow("this gateway");
  second.free();
  underWay.bodyOf(who("agent")).take(10);
});
