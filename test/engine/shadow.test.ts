import { expect, onTestFinished, test } from "vitest";
import type { Decision, Need, Policy } from "../../engine/decision.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { createPolicy } from "../../engine/policy.ts";
import { Shadow, type ShadowRun, type ShadowVerdict } from "../../engine/shadow.ts";
import { EvaluationWorker } from "../../engine/wasm/evaluation-worker.ts";
import { allowing, CUSTOM, compiled, decisionRule, guardrails, input, ruleSource } from "./support.ts";

async function candidate(files: Record<string, string> = {}): Promise<{ shadow: Shadow; live: Decision }> {
  const worker = new EvaluationWorker();
  onTestFinished(() => worker.close());
  const bundle = await compiled({ ...allowing(), ...files });
  const policy: Policy = await createPolicy({ bundle, guardrails: guardrails(), worker, inlineBytes: 0 });
  return { shadow: new Shadow(() => policy, worker), live: await policy.decide(input()) };
}

const verdictOf = (run: ShadowRun | undefined): Promise<ShadowVerdict> =>
  expect
    .poll(() => run?.verdict)
    .toBeDefined()
    .then(() => run?.verdict as ShadowVerdict);
const ALL: ReadonlySet<Need> = new Set(["object", "oldObject", "outcome", "namespaceLabels", "roleRules"]);

test("more than 256 questions at once are dropped and counted, and the others are all answered", async () => {
  const { shadow, live } = await candidate();
  const runs = Array.from({ length: 300 }, () => shadow.ask(input(), live, ALL));
  expect(runs.filter((run) => run === undefined)).toHaveLength(44);
  expect(shadow.counts.dropped).toBe(44);
  await expect.poll(() => shadow.counts.same).toBe(256);
  expect(shadow.ask(input(), live, ALL)).toBeDefined();
});

test("questions that hold more than 32 MB together are dropped and counted", async () => {
  const { shadow, live } = await candidate();
  const holding = (bytes: number): PolicyInput => ({ ...input(), oldObject: { data: { a: "x".repeat(bytes) } } });
  const many = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`k${i}`, ""]));
  const run = shadow.ask(holding(30_000_000), live, ALL);
  expect(shadow.ask(holding(4_000_000), live, ALL)).toBeUndefined();
  expect(shadow.ask({ ...input(), object: { data: many } }, live, ALL)).toBeUndefined();
  expect(shadow.counts.dropped).toBe(2);
  await verdictOf(run);
  await verdictOf(shadow.ask(holding(4_000_000), live, ALL));
});

test("nothing is written or evaluated before the one who asked has gone on", async () => {
  const { shadow, live } = await candidate({
    "sallyport/decision.rego": `package sallyport\n\n${decisionRule('"allow"', "[]", ' if input.request.name != "never"')}\n`,
  });
  let read = 0;
  const { request, ...rest } = input();
  const watched: PolicyInput = {
    ...rest,
    request: {
      ...request,
      get name() {
        read++;
        return "x";
      },
    },
  };
  const run = shadow.ask(watched, live, ALL);
  await Promise.resolve();
  expect([read, run?.verdict]).toEqual([0, undefined]);
  await verdictOf(run);
  expect(read).toBeGreaterThan(0);
});

test("what a candidate asks for and was not gathered is named, and not counted as another decision", async () => {
  const metadata = [...CUSTOM, "needs: [outcome, roleRules]"];
  const { shadow, live } = await candidate({ "test/a-rule/a-rule.rego": ruleSource("a-rule", metadata) });
  const deny: Decision = { ...live, effect: "deny" };
  const verdict = await verdictOf(shadow.ask(input(), deny, new Set<Need>(["roleRules"])));
  expect(verdict).toMatchObject({ effect: "allow", changes: ["effect"], missing: ["outcome"] });
  expect(shadow.counts).toMatchObject({ incomplete: 1, different: 0 });
});

test("without a candidate nothing is asked", async () => {
  const worker = new EvaluationWorker();
  const { live } = await candidate();
  expect(new Shadow(() => undefined, worker).ask(input(), live, ALL)).toBeUndefined();
  expect(worker.running).toBe(false);
});
