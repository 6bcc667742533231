import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { build } from "../../cli/policy/build.ts";
import { check } from "../../cli/policy/check.ts";
import { test as testRules } from "../../cli/policy/test.ts";
import { verify } from "../../cli/policy/verify.ts";
import { allowing, folder, REGO, ruleSource } from "../engine/support.ts";

const RULE = "test/a-rule/a-rule.rego";
const TEST = "test/a-rule/a-rule_test.rego";
const PASSING =
  'package sallyport.rules.test.a_rule_test\n\nimport data.sallyport.rules.test.a_rule\n\ntest_it if count(a_rule.findings) == 1 with input as {"request": {"name": "never"}}\n';

async function keys(): Promise<{ at: string; key: string; publicKey: string }> {
  const pair = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const at = await folder({ "key.pem": pair.privateKey, "public.pem": pair.publicKey });
  return { at, key: join(at, "key.pem"), publicKey: join(at, "public.pem") };
}

test("a bundle that was built and signed verifies, and one that was altered doesn't", async () => {
  const { at, key, publicKey } = await keys();
  const out = join(at, "bundle.tar.gz");
  const built = await build([REGO], { out, key });
  expect(built.json).toMatchObject({ signed: true, revision: expect.stringMatching(/^[0-9a-f]{16}$/) });
  const { revision } = built.json as { revision: string };
  expect((await verify(out, [publicKey])).json).toMatchObject({ verified: true, revision });
  const bytes = await readFile(out);
  bytes[bytes.length - 5000] = (bytes[bytes.length - 5000] ?? 0) ^ 1;
  await writeFile(out, bytes);
  await expect(verify(out, [publicKey])).rejects.toMatchObject({ exitCode: 1 });
});

test("a key that isn't there is wrong usage, before anything is compiled", async () => {
  const at = await folder();
  await expect(build([REGO], { out: join(at, "b"), key: join(at, "none.pem") })).rejects.toMatchObject({ exitCode: 2 });
});

test("the project's own rules are in order", async () => {
  expect(await check([REGO])).toMatchObject({ json: { ok: true, problems: [] }, exitCode: 0 });
});

test.for<[string, Record<string, string>, string, RegExp]>([
  ["format", { "a.rego": "package a\nx   :=   1\n" }, "format", /a\.rego is not as/],
  ["METADATA", { [RULE]: "package sallyport.rules.test.a_rule\n" }, "metadata", /a-rule\.rego: has no METADATA/],
  [
    "findings that are no set",
    { [RULE]: ruleSource("a-rule").replace(/^findings contains.*$/m, "findings := true") },
    "rules",
    /a-rule\.rego: findings is no set/,
  ],
  ["an unused import", { "a.rego": "package a\n\nimport data.b\n\nx := 1\n" }, "compile", /import data\.b unused/],
  [
    "a field that input doesn't have",
    { "a.rego": "package a\n\nx if input.requests\n" },
    "compile",
    /undefined ref: input\.requests/,
  ],
  ["a builtin", { "a.rego": "package a\n\nx := time.now_ns()\n" }, "builtins", /time\.now_ns would throw at run time/],
])("policy check finds %s, and exits 1", async ([, files, kind, message]) => {
  const answer = await check([await folder({ ...allowing(), ...files })]);
  const { problems } = answer.json as { problems: { check: string; message: string }[] };
  expect(answer.exitCode).toBe(1);
  expect(
    problems
      .filter((one) => one.check === kind)
      .map((one) => one.message)
      .join(),
  ).toMatch(message);
});

test("policy test passes, fails with the failing test's name, and fails below the threshold", async () => {
  const files = { ...allowing(), [RULE]: ruleSource("a-rule"), [TEST]: PASSING };
  expect(await testRules([await folder(files)])).toMatchObject({ exitCode: 0 });
  const failing = await testRules([await folder({ ...files, [TEST]: PASSING.replace("== 1", "== 2") })]);
  expect(failing).toMatchObject({
    exitCode: 1,
    text: expect.stringMatching(/^FAILED .*a-rule_test\.rego:5: test_it$/m),
  });
  const low = await testRules([await folder(files)], { threshold: 100 });
  expect(low).toMatchObject({ exitCode: 1, text: expect.stringContaining("decision.rego:3 is reached by no test") });
});
