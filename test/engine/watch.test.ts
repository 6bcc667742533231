import { cp, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ConfigError } from "../../base/config/issues.ts";
import type { Policy } from "../../engine/decision.ts";
import { EvaluationWorker } from "../../engine/wasm/evaluation-worker.ts";
import { type WatchedPolicy, type WatchedPolicyOptions, watchPolicy } from "../../engine/watch.ts";
import { cpuTime } from "../clocks.ts";
import { folder, HOST_PATH_SPEC, input, opa, podCreation, REGO, ruleSource, writeFiles } from "./support.ts";

const file = (rest: string): string =>
  `apiVersion: sallyport.dev/v1alpha1\nkind: Guardrails\ndefaults: {approval: {approvers: ["group:corp:oncall"]}}\n${rest}`;

/** The library with two rules of its hundred: each change here compiles all of it. */
async function copyRules(rego: string): Promise<void> {
  for (const part of ["sallyport", "lib", "workload/host-path", "secrets/read"]) {
    await cp(join(REGO, part), join(rego, part), { recursive: true });
  }
}

interface Setup {
  at: string;
  rego: string;
  watched: WatchedPolicy;
  rejections: unknown[];
  loads: Policy[];
}

async function setUp(options: Partial<WatchedPolicyOptions> = {}): Promise<Setup> {
  const at = await folder({ "guardrails.yaml": file("profiles: [baseline]\n") });
  const rego = join(at, "rego");
  await copyRules(rego);
  const worker = new EvaluationWorker();
  const rejections: unknown[] = [];
  const loads: Policy[] = [];
  const watched = await watchPolicy({
    source: { bundle: rego, rules: [], verify: false, publicKeyFiles: [] },
    guardrailsFile: join(at, "guardrails.yaml"),
    opa,
    worker,
    onRejected: (error) => rejections.push(error),
    onLoaded: (policy) => loads.push(policy),
    ...options,
  });
  onTestFinished(async () => {
    await watched.close();
    await worker.close();
  });
  return { at, rego, watched, rejections, loads };
}

const effect = async (watched: WatchedPolicy): Promise<string> =>
  (await watched.holder.current.decide(podCreation(HOST_PATH_SPEC))).effect;

test("edited guardrails are in force without a restart, and a listener hears of it once", async () => {
  const { at, watched } = await setUp();
  const swaps: string[] = [];
  watched.holder.onSwap((next) => swaps.push(next.revision.guardrails));
  expect(await effect(watched)).toBe("hold");
  await writeFile(join(at, "guardrails.yaml"), file("rules: {workload/host-path: {effect: deny}}\n"));
  await expect.poll(() => effect(watched)).toBe("deny");
  expect(swaps).toEqual([watched.holder.current.revision.guardrails]);
});

test("a file that an editor renames into place is seen, by events and by the poll alone", {
  timeout: 60_000,
}, async () => {
  for (const options of [{ pollMs: 600_000 }, { debounceMs: 600_000, pollMs: 50 }]) {
    const { at, watched } = await setUp(options);
    await writeFile(join(at, "new"), file("rules: {workload/host-path: {effect: deny}}\n"));
    await rename(join(at, "new"), join(at, "guardrails.yaml"));
    await expect.poll(() => effect(watched)).toBe("deny");
  }
});

test("edited Rego is compiled and in force, with another bundle revision", async () => {
  const { rego, watched } = await setUp();
  const { bundle } = watched.holder.current.revision;
  const path = "workload/host-path/host-path.rego";
  const source = await readFile(join(rego, path), "utf8");
  await writeFiles(rego, { [path]: source.replace("effect: hold", "effect: deny") });
  await expect.poll(() => effect(watched)).toBe("deny");
  expect(watched.holder.current.revision.bundle).not.toBe(bundle);
});

test("broken Rego leaves the old policy serving, says what is wrong, and a repair is in force", async () => {
  const { rego, watched, rejections } = await setUp();
  const { bundle } = watched.holder.current.revision;
  await writeFiles(rego, { "broken.rego": "package broken\n\nx := {\n" });
  await expect.poll(() => rejections.length).toBe(1);
  expect(String(rejections[0])).toContain("broken.rego:4");
  expect(watched.holder.current.revision.bundle).toBe(bundle);
  expect(await effect(watched)).toBe("hold");
  expect(watched.holder.status().rejected?.reason).toContain("broken.rego");
  await writeFiles(rego, { "broken.rego": "package broken\n\nx := 1\n" });
  await expect.poll(() => watched.holder.status().rejected).toBeUndefined();
  expect(watched.holder.current.revision.bundle).not.toBe(bundle);
});

test("guardrails with mistakes leave the old ones in force, and name each path", async () => {
  const { at, watched, rejections } = await setUp();
  const { guardrails } = watched.holder.current.revision;
  await writeFile(
    join(at, "guardrails.yaml"),
    file("profiles: [basline]\nrules: {workload/host-path: {efect: deny}}\nscope: []\n"),
  );
  await expect.poll(() => rejections.length).toBe(1);
  const [error] = rejections;
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).issues.map((issue) => issue.path).sort()).toEqual([
    "profiles[0]",
    "rules['workload/host-path'].efect",
    "scope",
  ]);
  expect(watched.holder.current.revision.guardrails).toBe(guardrails);
});

test("guardrails that name what the bundle does not have leave the old ones in force, and name each path", async () => {
  const { at, watched, rejections } = await setUp();
  const { guardrails } = watched.holder.current.revision;
  const scope = "scopes: [{name: s, rules: {secrets/rad: {effect: deny}}}]\n";
  await writeFile(
    join(at, "guardrails.yaml"),
    file(`rules: {workload/host-pth: {effect: deny}, secrets/read: {params: {names: []}}}\n${scope}`),
  );
  await expect.poll(() => rejections.length).toBe(1);
  expect((rejections[0] as ConfigError).issues).toEqual([
    {
      path: "rules['workload/host-pth']",
      message: 'there is no such rule in this policy; did you mean "workload/host-path"?',
    },
    { path: "rules['secrets/read'].params.names", message: "this rule takes no parameters" },
    {
      path: "scopes[0].rules['secrets/rad']",
      message: 'there is no such rule in this policy; did you mean "secrets/read"?',
    },
  ]);
  expect(watched.holder.current.revision.guardrails).toBe(guardrails);
});

test("valid guardrails are in force although the Rego beside them is broken", async () => {
  const { at, rego, watched, rejections } = await setUp();
  await writeFiles(rego, { "broken.rego": "package broken\n\nx := {\n" });
  await writeFile(join(at, "guardrails.yaml"), file("rules: {workload/host-path: {effect: deny}}\n"));
  await watched.reload();
  expect(rejections).toHaveLength(1);
  expect(await effect(watched)).toBe("deny");
});

test("a guardrails file that goes away leaves the old ones in force, and says so", async () => {
  const { at, watched, rejections } = await setUp();
  await rename(join(at, "guardrails.yaml"), join(at, "elsewhere.yaml"));
  await expect.poll(() => rejections.length).toBe(1);
  expect(String(rejections[0])).toContain("no such file");
  expect(await effect(watched)).toBe("hold");
});

test("a first policy that doesn't load is an error, and nothing is left watching", async () => {
  await expect(setUp({ guardrailsFile: "/nowhere/guardrails.yaml" })).rejects.toThrow("no such file");
});

test("1,000 decisions across 20 swaps: none fails, and each has the verdict of the revision that it names", async () => {
  const { at, watched, loads } = await setUp();
  const verdicts: { revision: string; effect: string }[] = [];
  const byRevision = new Map<string, string>();
  const remember = (policy: Policy, expected: string): void =>
    void byRevision.set(policy.revision.guardrails, expected);
  remember(watched.holder.current, "hold");
  let swapping = true;
  const swaps = (async () => {
    for (let i = 0; i < 20; i++) {
      const expected = i % 2 === 0 ? "deny" : "hold";
      // A revision of its own each time.
      const rest = `rules: {workload/host-path: {effect: ${expected}}, secrets/read: {approval: {maxUses: ${i + 1}}}}\n`;
      await writeFile(join(at, "guardrails.yaml"), file(rest));
      await watched.reload();
      remember(watched.holder.current, expected);
    }
    swapping = false;
  })();
  while (verdicts.length < 1000 || swapping) {
    // Half of them large, so that they are in the worker while policy is swapped.
    const policy = watched.holder.current;
    const decisions = await Promise.all([
      policy.decide(podCreation(HOST_PATH_SPEC)),
      policy.decide(podCreation(HOST_PATH_SPEC, 35_000)),
    ]);
    for (const one of decisions) {
      expect(one.revision).toEqual(policy.revision);
      verdicts.push({ revision: one.revision.guardrails, effect: one.effect });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await swaps;
  expect(verdicts.length).toBeGreaterThanOrEqual(1000);
  expect(verdicts.filter((one) => byRevision.get(one.revision) !== one.effect)).toEqual([]);
  expect(loads).toHaveLength(21);
  expect(new Set(verdicts.map((one) => one.revision)).size).toBeGreaterThan(1);
});

test("the event loop goes on while Rego is compiled and swapped", async () => {
  const { rego, watched } = await setUp();
  let turns = 0;
  let longest = 0;
  let took = cpuTime();
  const ticker = setInterval(() => {
    turns++;
    longest = Math.max(longest, took());
    took = cpuTime();
  }, 1);
  await writeFiles(rego, { "more.rego": "package more\n\nx := 1\n" });
  await watched.reload();
  clearInterval(ticker);
  expect(watched.holder.current.decide(input())).not.toBeInstanceOf(Promise);
  // Neither our own work nor a wait for opa keeps it.
  expect(longest).toBeLessThan(250);
  expect(turns).toBeGreaterThan(20);
});

test("a team's own rules, in a folder of their own, are in force before and after an upgrade of the library", async () => {
  const at = await folder({ "guardrails.yaml": file("profiles: [baseline]\n") });
  const rules = join(at, "ours");
  await writeFiles(rules, {
    "test/a-rule/a-rule.rego": ruleSource("a-rule").replace('"never"', '"ours"'),
  });
  const rego = join(at, "rego");
  await copyRules(rego);
  const { watched } = await setUp({
    source: { bundle: rego, rules: [rules], verify: false, publicKeyFiles: [] },
    guardrailsFile: join(at, "guardrails.yaml"),
  });
  const found = async (): Promise<string[]> =>
    (await watched.holder.current.decide(input({ request: { name: "ours" } }))).findings.map(({ rule }) => rule);
  expect(await found()).toEqual(["test/a-rule"]);
  const before = watched.holder.current.revision.bundle;
  await writeFiles(rego, { "lib/new.rego": "package sallyport.lib.new\n\nx := 1\n" });
  await watched.reload();
  expect(watched.holder.current.revision.bundle).not.toBe(before);
  expect(await found()).toEqual(["test/a-rule"]);
});
