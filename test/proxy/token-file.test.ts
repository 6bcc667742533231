import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tokenFromFile } from "../../proxy/credentials/token-file.ts";

let folder = "";
let now = 0;
const clock = { now: () => now };
const path = (): string => join(folder, "token");
const open = () => tokenFromFile(path(), clock, "connections['prod'].credential.tokenFile");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-token-"));
  now = 1_000_000;
  writeFileSync(path(), "first\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("the token of a file is a bearer header, at once", () => {
  expect(open().authorization()).toBe("Bearer first");
});

test("a rotated token is used within a second", () => {
  const token = open();
  writeFileSync(path(), "second-one");
  now += 1000;
  expect(token.authorization()).toBe("Bearer second-one");
});

test("a token rotated by swapping a symbolic link, as a kubelet does, is used within a second", () => {
  writeFileSync(join(folder, "a"), "aaaaa");
  writeFileSync(join(folder, "b"), "bbbbb");
  rmSync(path());
  symlinkSync(join(folder, "a"), path());
  const token = open();
  symlinkSync(join(folder, "b"), join(folder, "next"));
  renameSync(join(folder, "next"), path());
  now += 1000;
  expect(token.authorization()).toBe("Bearer bbbbb");
});

test("a token that the upstream answered 401 to is read again at once", () => {
  const token = open();
  writeFileSync(path(), "second-one");
  token.invalidate();
  expect(token.authorization()).toBe("Bearer second-one");
});

test("a token outlives its file by ten seconds, for a rotation by remove and write", () => {
  const token = open();
  rmSync(path());
  now += 9000;
  expect(token.authorization()).toBe("Bearer first");
  writeFileSync(path(), "second-one");
  now += 1000;
  expect(token.authorization()).toBe("Bearer second-one");
});

test("a token whose file is gone for more than ten seconds is refused", () => {
  const token = open();
  rmSync(path());
  now += 10_001;
  expect(() => token.authorization()).toThrow(expect.objectContaining({ code: "credential-unavailable" }));
  now += 500;
  expect(() => token.authorization()).toThrow(expect.objectContaining({ code: "credential-unavailable" }));
});

test("a token whose file became empty is refused after ten seconds", () => {
  const token = open();
  writeFileSync(path(), "");
  now += 10_001;
  expect(() => token.authorization()).toThrow(expect.objectContaining({ code: "credential-unavailable" }));
});

const bad: [what: string, content: string | undefined, message: RegExp][] = [
  ["missing", undefined, /no such file/],
  ["empty", " \n", /is empty/],
  ["of two lines", "hunter2\nhunter3", /does not hold a bearer token/],
  ["with a scheme", "Bearer hunter2", /does not hold a bearer token/],
  ["larger than 64 KiB", "x".repeat(65_537), /too large/],
];
test.each(bad)("a token file that is %s is a mistake at start, which never quotes it", (_what, content, message) => {
  rmSync(path());
  if (content !== undefined) writeFileSync(path(), content);
  const thrown = (() => {
    try {
      return open();
    } catch (error) {
      return error as Error;
    }
  })() as Error;
  expect(thrown.name).toBe("ConfigError");
  expect(thrown.message).toMatch(message);
  expect(thrown.message).toContain("connections['prod'].credential.tokenFile");
  expect(thrown.message).not.toContain("hunter");
});
