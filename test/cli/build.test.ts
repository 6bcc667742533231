import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { build } from "../../cli/policy/build.ts";
import { serialOf } from "../../cli/policy/serial.ts";
import { verify } from "../../cli/policy/verify.ts";
import { unpackBundle } from "../../engine/bundle/archive.ts";
import { SIGNATURES } from "../../engine/bundle/sign.ts";
import { allowing, folder, writeFiles } from "../engine/support.ts";
import { OURS } from "./bundles/support.ts";

const RULES = { ...allowing(), "more/more.rego": "package more\n\nx := 1\n" };

test("the same sources and serial give the same bytes, all but the signature, which verify builds again to show", async () => {
  const at = await folder({ key: OURS.privateKey, pub: OURS.publicKey });
  await writeFiles(join(at, "rules"), RULES);
  const out = (name: string): string => join(at, name);
  const options = { serial: "7" };
  await build([join(at, "rules")], { ...options, out: out("1") });
  await build([join(at, "rules")], { ...options, out: out("2") });
  expect(await readFile(out("1"))).toEqual(await readFile(out("2")));
  await build([join(at, "rules")], { ...options, key: join(at, "key"), out: out("3") });
  await build([join(at, "rules")], { ...options, key: join(at, "key"), out: out("4") });
  const [a, b] = await Promise.all(["3", "4"].map(async (name) => unpackBundle(await readFile(out(name)), name)));
  // ES256 signs with a random number of its own each time.
  expect(a?.get(SIGNATURES)).not.toEqual(b?.get(SIGNATURES));
  a?.delete(SIGNATURES);
  b?.delete(SIGNATURES);
  expect(a).toEqual(b);

  const same = await verify(out("3"), [join(at, "pub")], [join(at, "rules")]);
  expect(same).toMatchObject({ json: { verified: true, serial: 7, differing: [] } });
  expect(same.text).toContain("byte for byte");
  const [name = "", content = ""] = Object.entries(RULES)[0] ?? [];
  await writeFiles(join(at, "rules"), { [name]: content.replace('"allow"', '"deny"') });
  const other = await verify(out("3"), [join(at, "pub")], [join(at, "rules")]);
  expect(other).toMatchObject({ exitCode: 1, json: { differing: expect.arrayContaining(["policy.wasm"]) } });
});

test("a serial is the time of the last commit that touched the sources, so that a commit builds one bundle", async () => {
  const at = await folder({ "rules/a.rego": "package a\n", other: "1" });
  const env = { ...process.env, HOME: at, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (args: string[], date = "2026-01-02T03:04:05Z"): Promise<unknown> =>
    promisify(execFile)("git", ["-c", "user.name=t", "-c", "user.email=dev@example.com", ...args], {
      cwd: at,
      env: { ...env, GIT_COMMITTER_DATE: date },
    });
  await git(["init", "--quiet"]);
  await git(["add", "--all"]);
  await git(["commit", "--quiet", "--message", "1"]);
  const rules = join(at, "rules");
  expect(await serialOf([rules], undefined)).toEqual({ serial: 1_767_323_045, from: "commit" });
  await writeFiles(at, { other: "2" });
  await git(["commit", "--quiet", "--all", "--message", "2"], "2026-05-05T00:00:00Z");
  expect(await serialOf([rules], undefined)).toEqual({ serial: 1_767_323_045, from: "commit" });
  await writeFiles(at, { "rules/b.rego": "package b\n" });
  const { serial, from } = await serialOf([rules], undefined);
  expect(from).toBe("now");
  expect(serial).toBeGreaterThan(1_767_323_045);
  expect(await serialOf([rules], "12")).toEqual({ serial: 12, from: "option" });
});

test.for(["0", "-1", "1.5", "x", ""])("a serial of %j is wrong usage", async (serial) => {
  await expect(serialOf(["."], serial)).rejects.toMatchObject({ exitCode: 2 });
});
