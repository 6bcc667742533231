import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../../base/log.ts";
import type { Bundle } from "../../engine/bundle/bundle.ts";
import type { Decision, Policy } from "../../engine/decision.ts";
import { createPolicy, type PolicyOptions } from "../../engine/policy.ts";
import { EvaluationWorker } from "../../engine/wasm/evaluation-worker.ts";
import { jsonBuffer } from "../../engine/wasm/instance.ts";
import { awakeTime } from "../clocks.ts";
import {
  allowing,
  clusterRoleBinding,
  compiled,
  decisionRule,
  guardrails,
  HOST_PATH_SPEC,
  input,
  libraryBundle,
  podCreation,
} from "./support.ts";

function newWorker(limits: ConstructorParameters<typeof EvaluationWorker>[0] = {}): EvaluationWorker {
  const worker = new EvaluationWorker(limits);
  onTestFinished(() => worker.close());
  return worker;
}

function policyOf(bundle: Bundle, options: Partial<PolicyOptions> = {}): Promise<Policy> {
  return createPolicy({ bundle, guardrails: guardrails(), worker: newWorker(), ...options });
}

/** Allows what is named `smoke`, and does `body` for what is named `bad`. */
const failingOn = (body: string): Record<string, string> => ({
  "sallyport/decision.rego": `package sallyport\n\n${decisionRule('"allow"', "[]", ' if input.request.name != "bad"')}\n\n${body}\n`,
});

/** Counts to 10^12 by a nested loop. */
const LOOPING = `${decisionRule('"allow"', "[]", ' if {\n\tinput.request.name == "bad"\n\tcount(forever) > 0\n}')}

forever contains x if {
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	x := a * b
	x < 0
}`;

const stripped = (decision: Decision): unknown => ({ ...decision, decisionId: "" });

test("a benign read is allowed, with an id of its own and the revision that decided it", async () => {
  const bundle = await libraryBundle();
  const policy = await policyOf(bundle);
  const [a, b] = [await policy.decide(input()), await policy.decide(input())];
  expect(a).toMatchObject({ effect: "allow", findings: [], approval: null, record: "Metadata" });
  expect(a.decisionId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(b.decisionId).not.toBe(a.decisionId);
  expect(a.revision).toEqual({ bundle: bundle.revision, guardrails: expect.stringMatching(/^[0-9a-f]{16}$/) });
});

test("a small input is answered in the same tick", async () => {
  const policy = await policyOf(await libraryBundle());
  expect(policy.decide(input())).not.toBeInstanceOf(Promise);
});

test("a cluster role binding is denied, and a hostPath pod held for the people that the guardrails name", async () => {
  const policy = await policyOf(await libraryBundle());
  expect(await policy.decide(clusterRoleBinding())).toMatchObject({
    effect: "deny",
    findings: [
      { rule: "rbac/cluster-admin", effect: "deny", privileged: true },
      { rule: "rbac/cluster-role-binding", effect: "deny", privileged: true },
    ],
  });
  expect(await policy.decide(podCreation(HOST_PATH_SPEC))).toMatchObject({
    effect: "hold",
    findings: [{ rule: "workload/host-path", fields: ["spec.volumes[0].hostPath"] }],
    approval: { requirements: [{ rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 1 }] },
  });
});

test("guardrails change the verdict and their revision, and not the bundle's", async () => {
  const bundle = await libraryBundle();
  const held = await policyOf(bundle);
  const denied = await policyOf(bundle, {
    guardrails: guardrails({ rules: { "workload/host-path": { effect: "deny" } } }),
  });
  expect(await denied.decide(podCreation(HOST_PATH_SPEC))).toMatchObject({ effect: "deny" });
  expect(await held.decide(podCreation(HOST_PATH_SPEC))).toMatchObject({ effect: "hold" });
  expect(denied.revision.bundle).toBe(held.revision.bundle);
  expect(denied.revision.guardrails).not.toBe(held.revision.guardrails);
});

test("a large input goes to the worker, and its verdict is the inline one", async () => {
  const bundle = await libraryBundle();
  const large = podCreation(HOST_PATH_SPEC, 100_000);
  const inWorker = (await policyOf(bundle)).decide(large);
  const inline = (await policyOf(bundle, { inlineBytes: 1_000_000 })).decide(large);
  expect(inWorker).toBeInstanceOf(Promise);
  expect(inline).not.toBeInstanceOf(Promise);
  expect(stripped(await inWorker)).toEqual(stripped(await inline));
  expect((await inWorker).effect).toBe("hold");
});

test("a denial stays a denial whatever the input's length: the SDK is given a whole ArrayBuffer, never a view", async () => {
  const policy = await policyOf(await libraryBundle());
  for (const length of [0, 1, 7, 500, 4000, 8191, 8192, 20_000]) {
    const binding = clusterRoleBinding();
    const padded = { ...binding, request: { ...binding.request, userAgent: "é".repeat(length) } };
    expect((await policy.decide(padded)).effect).toBe("deny");
    const json = JSON.stringify(padded);
    const buffer: unknown = jsonBuffer(json);
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect(new TextDecoder().decode(buffer as ArrayBuffer)).toBe(json);
  }
});

test.for<[string, string]>([
  ["is undefined", ""],
  [
    "throws",
    `${decisionRule('"allow"', "[]", ' if {\n\tinput.request.name == "bad"\n\tsprintf("%q", [1]) == "x"\n}')}`,
  ],
  [
    "meets a conflict",
    `${decisionRule('"deny"', "[]", ' if input.request.name == "bad"')}\n\n${decisionRule('"allow"', "[]", ' if input.request.name == "bad"')}`,
  ],
  ["returns a text", `decision := "allow" if input.request.name == "bad"`],
  ["returns an unknown effect", `${decisionRule('"permit"', "[]", ' if input.request.name == "bad"')}`],
  ["holds without terms", `${decisionRule('"hold"', "[]", ' if input.request.name == "bad"')}`],
  [
    "returns half a finding",
    `${decisionRule('"allow"', '[{"rule": "a/b", "effect": "deny"}]', ' if input.request.name == "bad"')}`,
  ],
])("a policy that %s denies with request/policy-failed, and serves the next request", async ([, body]) => {
  const lines: string[] = [];
  const policy = await policyOf(await compiled(failingOn(body)), { log: createLog((line) => void lines.push(line)) });
  const failed = await policy.decide(input({ request: { name: "bad" } }));
  expect(failed).toMatchObject({ effect: "deny", findings: [{ rule: "request/policy-failed", effect: "deny" }] });
  expect(lines.join("")).toContain(failed.decisionId);
  expect((await policy.decide(input())).effect).toBe("allow");
});

test("a finding that denies under an effect that allows is no decision", async () => {
  const finding =
    '{"rule": "a/b", "effect": "deny", "message": "", "severity": "low", "ids": [], "fields": [], "privileged": false, "absolute": false}';
  const policy = await policyOf(
    await compiled(failingOn(decisionRule('"allow"', `[${finding}]`, ' if input.request.name == "bad"'))),
  );
  expect(await policy.decide(input({ request: { name: "bad" } }))).toMatchObject({
    effect: "deny",
    findings: [{ rule: "request/policy-failed" }],
  });
});

test("what JSON cannot say is denied, not thrown", async () => {
  const policy = await policyOf(await libraryBundle());
  const labels: Record<string, unknown> = {};
  labels.self = labels;
  expect(await policy.decide(input({ namespaceLabels: labels as never }))).toMatchObject({
    effect: "deny",
    findings: [{ rule: "request/policy-failed" }],
  });
});

test("a large input on which the policy loops is denied at the deadline, and the next one is served", async () => {
  const worker = newWorker();
  const reading = LOOPING.replace('"bad"', '"bad"\n\tinput.request.path != ""');
  const policy = await policyOf(await compiled(failingOn(reading)), { worker, deadlineMs: 100 });
  const large = { path: "x".repeat(40_000) };
  const took = awakeTime();
  const failed = await policy.decide(input({ request: { ...large, name: "bad" } }));
  expect(took()).toBeLessThan(2000);
  expect(failed.findings[0]?.message).toContain("took too long");
  expect(failed.effect).toBe("deny");
  expect((await policy.decide(input({ request: large }))).effect).toBe("allow");
  // One large input must not send everybody else's small ones to the worker.
  expect(policy.decide(input())).not.toBeInstanceOf(Promise);
});

test("a policy that was too slow inline is denied there once, and evaluated in the worker from then on", async () => {
  const slow = failingOn(
    `${decisionRule('"allow"', "[]", ' if {\n\tinput.request.name == "bad"\n\tcount([x | some x in numbers.range(1, 60000); x % 2 == 0]) > 0\n}')}`,
  );
  const policy = await policyOf(await compiled(slow), { deadlineMs: 5 });
  const bad = input({ request: { name: "bad" } });
  expect(await policy.decide(bad)).toMatchObject({ effect: "deny", findings: [{ rule: "request/policy-failed" }] });
  expect(policy.decide(input())).toBeInstanceOf(Promise);
});

test("more large inputs than the queue holds are denied, and the others answered", async () => {
  const policy = await policyOf(await libraryBundle(), { worker: newWorker({ queue: 4 }) });
  const decisions = await Promise.all(
    Array.from({ length: 8 }, () => policy.decide(podCreation(HOST_PATH_SPEC, 40_000))),
  );
  expect(decisions.map((one) => one.effect).sort()).toEqual([...Array(4).fill("deny"), ...Array(4).fill("hold")]);
});

test("the worker's thread ends when it has nothing to do", async () => {
  const worker = newWorker({ idleMs: 50 });
  await policyOf(await libraryBundle(), { worker });
  expect(worker.running).toBe(true);
  await expect.poll(() => worker.running).toBe(false);
});

test.for<[string, string, string]>([
  [
    "loops on anything",
    `package sallyport\n\n${LOOPING.replace('input.request.name == "bad"', "true")}\n`,
    "did not end",
  ],
  [
    "is undefined on anything",
    `package sallyport\n\n${decisionRule('"allow"', "[]", " if input.never")}\n`,
    "undefined",
  ],
  ["returns an odd effect", `package sallyport\n\n${decisionRule('"maybe"')}\n`, "effect is none of"],
])("a policy that %s fails its smoke decision and never serves", async ([, source, why]) => {
  const bundle = await compiled({ "sallyport/decision.rego": source });
  await expect(policyOf(bundle, { smokeMs: 1000 })).rejects.toThrow(why);
});

test("an input of megabytes doesn't make later decisions wrong", async () => {
  const policy = await policyOf(await libraryBundle(), { inlineBytes: 100_000_000 });
  expect((await policy.decide(podCreation(HOST_PATH_SPEC, 3_000_000))).effect).toBe("hold");
  expect((await policy.decide(clusterRoleBinding())).effect).toBe("deny");
  expect((await policy.decide(input())).effect).toBe("allow");
});

test("what no rule reads is left out, and a name that a rule computes is read all the same", async () => {
  const managed = 'input.object.metadata[concat("", ["managed", "Fields"])]';
  const object = { metadata: { name: "x", managedFields: [{ manager: "kubectl" }] } };
  const seen = async (ref: string): Promise<string> => {
    const bundle = await compiled(failingOn(decisionRule('"deny"', "[]", ` if ${ref}`)));
    return (await (await policyOf(bundle)).decide(input({ object, request: { name: "bad" } }))).effect;
  };
  expect(await seen("input.object.metadata.managedFields")).toBe("deny");
  expect(await seen(managed)).toBe("deny");
  expect(object.metadata.managedFields).toHaveLength(1);
});

test("the module is compiled once for all guardrails", async () => {
  const bundle = await compiled(allowing());
  const compile = WebAssembly.compile;
  let times = 0;
  WebAssembly.compile = (bytes) => {
    times++;
    return compile(bytes);
  };
  onTestFinished(() => {
    WebAssembly.compile = compile;
  });
  await policyOf(bundle);
  await policyOf(bundle, { guardrails: guardrails({ profiles: ["strict"] }) });
  expect(times).toBe(1);
});

// It takes the machine from the tests beside it.
const alone = process.env.SALLYPORT_TEST_ALL === "1";
if (alone)
  test("an evaluation that gets little of a core is answered: its deadline is CPU time", littleOfACore, 60_000);

async function littleOfACore(): Promise<void> {
  const policy = await policyOf(await libraryBundle(), { worker: newWorker(), deadlineMs: 12, inlineBytes: 0 });
  await policy.decide(input());
  const spin = "process.stdout.write('.'); setTimeout(() => {}, 0); while (Date.now() < Number(process.argv[1])) {}";
  const until = Date.now() + 60_000;
  const busy = Array.from({ length: 16 }, () => spawn(process.execPath, ["-e", spin, String(until)]));
  try {
    await Promise.all(busy.map(({ stdout }) => once(stdout, "data")));
    for (let i = 0; i < 150; i++) {
      const decision = await policy.decide(input());
      expect(decision.findings.map(({ rule }) => rule)).not.toContain("request/policy-failed");
    }
  } finally {
    for (const one of busy) one.kill("SIGKILL");
  }
}
