import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packBundle, unpackBundle } from "../../engine/bundle/archive.ts";
import { openBundle } from "../../engine/bundle/bundle.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import { allowing, CUSTOM, compiled, folder, opa, ruleSource } from "./support.ts";

const RULE = "test/a-rule/a-rule.rego";

test("the same sources in another folder give the same bytes and the same revision", async () => {
  const files = { ...allowing(), [RULE]: ruleSource("a-rule") };
  const build = async (): Promise<{ bytes: Buffer; revision: string }> => {
    const out = join(await folder(), "b.tar.gz");
    const { bundle } = await compileBundle({ sources: [await folder(files)], opa, outFile: out });
    return { bytes: await readFile(out), revision: bundle.revision };
  };
  const [a, b] = [await build(), await build()];
  expect(a.revision).toMatch(/^[0-9a-f]{16}$/);
  expect(b.revision).toBe(a.revision);
  expect(b.bytes.equals(a.bytes)).toBe(true);
});

test("a changed rule changes the revision, and a changed test doesn't", async () => {
  const files = { ...allowing(), [RULE]: ruleSource("a-rule") };
  const test = { "test/a-rule/a-rule_test.rego": "package sallyport.rules.test.a_rule_test\n\ntest_x if true\n" };
  const { revision } = await compiled(files);
  expect((await compiled({ ...files, ...test })).revision).toBe(revision);
  expect((await compiled({ ...files, [RULE]: `${files[RULE]}\n# changed\n` })).revision).not.toBe(revision);
});

test("data.rules holds each rule's METADATA under the id that is its folder", async () => {
  const { rules } = await compiled({ ...allowing(), [RULE]: ruleSource("a-rule") });
  expect(rules).toEqual({
    "test/a-rule": {
      title: "A rule",
      description: "Finds nothing.",
      severity: "low",
      ids: [],
      effect: "deny",
      privileged: false,
      needs: [],
      match: [{ resources: ["configmaps"] }],
      podTemplates: false,
      remediation: "Don't.",
    },
  });
});

const without = (key: string): string[] => CUSTOM.filter((line) => !line.startsWith(key));
test.for<[string, string, RegExp]>([
  ["no METADATA", "package sallyport.rules.test.a_rule\n", /a-rule\.rego: has no METADATA/],
  ["no severity", ruleSource("a-rule", without("severity")), /custom\.severity/],
  ["no effect", ruleSource("a-rule", without("effect")), /custom\.effect: must be one of allow, record/],
  ["no remediation", ruleSource("a-rule", without("remediation")), /custom\.remediation/],
  ["neither match nor podTemplates", ruleSource("a-rule", without("match")), /neither match nor podTemplates/],
  [
    "a misspelt key in match",
    ruleSource("a-rule", [...without("match"), "match: [{resource: [pods]}]"]),
    /match\[0\]\.resource: unknown key; did you mean "resources"/,
  ],
  ...[
    [
      "{operations: [create]}",
      /match\[0\]\.operations\[0\]: no request has the operation "create"; did you mean "CREATE"/,
    ],
    ["{verbs: [CREATE]}", /match\[0\]\.verbs\[0\]: no request has the verb "CREATE"; did you mean "create"/],
    ["{verbs: [exec]}", /no request has the verb "exec"; valid here: get, list/],
    ["{verbs: [list], nonResourcePaths: [/metrics]}", /no request has the verb "list"/],
    ["{resources: [Pod]}", /match\[0\]\.resources\[0\]: "Pod" is no resource/],
    ["{resources: [pods/exec]}", /of pods\/exec, exec is a subresource/],
    ["{resources: [pod*]}", /"pod\*" is no resource/],
    ["{groups: [apps/v1]}", /match\[0\]\.groups\[0\]: "apps\/v1" is no API group/],
    ["{nonResourcePaths: [metrics]}", /match\[0\]\.nonResourcePaths\[0\]: "metrics" is no path/],
  ].map(([match, message]): [string, string, RegExp] => [
    `a match that no request has, ${match}`,
    ruleSource("a-rule", [...without("match"), `match: [${match}]`]),
    message as RegExp,
  ]),
  ["an unknown need", ruleSource("a-rule", [...CUSTOM, "needs: [objects]"]), /custom\.needs\[0\]/],
  ["another folder's package", ruleSource("b-rule"), /sallyport\.rules\.test\.b_rule is not its folder's/],
])("a rule with %s doesn't compile, and the message names its file", async ([, source, message]) => {
  const failure = compiled({ ...allowing(), [RULE]: source });
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.toThrow(/test\/a-rule\/a-rule\.rego/);
});

const RULE_SET = /^findings contains.*$/m;
test.for<[string, string, RegExp]>([
  ["a boolean", "findings := true", /findings is no set/],
  ["a boolean with a body", 'findings if input.request.name == "x"', /findings is no set/],
  ["a text", 'findings := "found"', /findings is no set/],
  ["an object", 'findings := {"message": "found"}', /findings is no set/],
  ["an object with keys that are computed", 'findings[input.request.name] := "found"', /findings is no set/],
  ["a package of documents", 'findings.a contains "found"', /findings is no set/],
  ["whatever a function gives", "findings := f(input)\n\nf(x) := x", /findings is no set/],
  ["nothing", "found := true", /has no `findings contains/],
  ["a set, and its masks none", 'findings contains "found"\n\nmasks := true', /masks is no set/],
])("a rule whose findings are %s doesn't compile: they would not be seen", async ([, body, message]) => {
  const failure = compiled({ ...allowing(), [RULE]: ruleSource("a-rule").replace(RULE_SET, body) });
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.toThrow(/test\/a-rule\/a-rule\.rego/);
});

test("a rule's findings may stand in several files of its folder", async () => {
  const more = { "test/a-rule/more.rego": 'package sallyport.rules.test.a_rule\n\nfindings contains "more"\n' };
  expect((await compiled({ ...allowing(), [RULE]: ruleSource("a-rule"), ...more })).rules).toHaveProperty(
    "test/a-rule",
  );
});

test("all rules with incomplete METADATA are named at once", async () => {
  const files = { ...allowing(), [RULE]: "package sallyport.rules.test.a_rule\n" };
  const failure = compiled({ ...files, "test/b-rule/b-rule.rego": "package sallyport.rules.test.b_rule\n" });
  await expect(failure).rejects.toThrow(/a-rule\.rego: has no[\s\S]*b-rule\.rego: has no/);
});

test("a syntax error is told with the file as the person knows it", async () => {
  const sources = await folder(allowing("x := {"));
  await expect(compileBundle({ sources: [sources], opa })).rejects.toThrow(`${sources}/sallyport/decision.rego`);
});

test("two folders that define one file are refused", async () => {
  const [a, b] = [await folder(allowing()), await folder(allowing())];
  await expect(compileBundle({ sources: [a, b], opa })).rejects.toThrow("sallyport/decision.rego: is in");
});

test("sources without sallyport/decision don't compile", async () => {
  await expect(compiled({ "a.rego": "package a\n\nx := 1\n" })).rejects.toThrow(/sallyport\/decision/);
});

test("what no rule names is left out of the input, unless a rule walks it all", async () => {
  expect((await compiled(allowing())).unread).toEqual(["managedFields", "status"]);
  expect((await compiled(allowing("\nx if input.object.status.phase\n"))).unread).toEqual(["managedFields"]);
  expect((await compiled(allowing("\nx contains p if walk(input.object, [p, _])\n"))).unread).toEqual([]);
});

test.for<[string, (files: Map<string, Uint8Array>) => void, RegExp]>([
  ["no manifest", (files) => files.delete(".manifest"), /has no \.manifest/],
  ["no data", (files) => files.delete("data.json"), /has no data\.json/],
  ["no WASM", (files) => files.delete("policy.wasm"), /has no \/policy\.wasm/],
  [
    "another entrypoint",
    (files) => {
      const manifest = new TextDecoder()
        .decode(files.get(".manifest"))
        .replace("sallyport/decision", "sallyport/other");
      files.set(".manifest", new TextEncoder().encode(manifest));
    },
    /no entrypoint sallyport\/decision/,
  ],
])("a bundle with %s is refused", async ([, change, message]) => {
  const { files } = await compileBundle({ sources: [await folder(allowing())], opa });
  change(files);
  expect(() => openBundle(files, "b.tar.gz")).toThrow(message);
});

test("what is no archive, and an archive that grows past the cap, are refused", async () => {
  await expect(unpackBundle(new TextEncoder().encode("hello"), "b.tar.gz")).rejects.toThrow("b.tar.gz is no bundle");
  const bomb = await packBundle(new Map([["a", new Uint8Array(65 * 1024 * 1024)]]));
  await expect(unpackBundle(bomb, "b.tar.gz")).rejects.toThrow("b.tar.gz is no bundle");
});
