import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { build } from "../../cli/policy/build.ts";
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
