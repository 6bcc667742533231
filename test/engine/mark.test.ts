import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Bundle } from "../../engine/bundle/bundle.ts";
import { type Mark, markFile, readMark, refuseOlder, writeMark } from "../../engine/bundle/mark.ts";
import { folder } from "./support.ts";

const bundle = (serial: number | undefined, content = "c"): Bundle =>
  ({ revision: "r", content, ...(serial === undefined ? {} : { serial }) }) as Bundle;
const MARK: Mark = { serial: 10, content: "c", revision: "m" };

test.for<[string, Bundle, Mark | undefined, boolean, RegExp | undefined]>([
  ["the first that there ever was", bundle(1), undefined, true, undefined],
  ["a later one", bundle(11), MARK, true, undefined],
  ["the very one", bundle(10), MARK, true, undefined],
  ["another of the same serial", bundle(10, "x"), MARK, true, /has the serial 10 .* is another one/],
  ["any of the serial that an operator set", bundle(10, "x"), { serial: 10, revision: "m" }, true, undefined],
  ["an older one", bundle(9), MARK, true, /is older .* serial 9, and 10 \(revision m\) was/],
  ["an older one that nobody verifies", bundle(9), MARK, false, /is older/],
  ["one without a serial", bundle(undefined), undefined, true, /has no serial/],
  ["one without a serial that nobody verifies", bundle(undefined), MARK, false, undefined],
])("%s", ([, offered, mark, verified, refusal]) => {
  const work = (): void => refuseOlder(offered, mark, "b.tar.gz", verified);
  if (refusal === undefined) expect(work).not.toThrow();
  else expect(work).toThrow(refusal);
});

test("a mark is read as it was written, by nobody but its owner, and nothing else is left beside it", async () => {
  const state = join(await folder(), "deep", "state");
  expect(await readMark(state)).toBeUndefined();
  await writeMark(state, MARK);
  await writeMark(state, { ...MARK, serial: 11, commit: "a".repeat(40) });
  expect(await readMark(state)).toEqual({ ...MARK, serial: 11, commit: "a".repeat(40) });
  expect(await readdir(state)).toEqual(["newest.json"]);
});

test.for(["", "{", "[]", '{"serial":0,"revision":"r"}', '{"serial":5}', '{"serial":5,"revision":"r","more":1}'])(
  "a mark that says %j refuses everything, and says how to repair it",
  async (text) => {
    const state = await folder();
    await writeFile(markFile(state), text);
    await expect(readMark(state)).rejects.toMatchObject({
      message: expect.stringContaining("cannot be read"),
      next: expect.stringContaining("sallyport policy rollback"),
    });
    expect(await readFile(markFile(state), "utf8")).toBe(text);
  },
);

test("a state that cannot be written is an error that names it", async () => {
  const at = await folder();
  await mkdir(markFile(at));
  await expect(writeMark(at, MARK)).rejects.toMatchObject({
    message: expect.stringContaining(`cannot be kept in ${at}`),
    next: expect.stringContaining("policy.state"),
  });
});
