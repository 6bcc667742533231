import { matchOf, StandingIndex } from "../../approvals/standing/standing.ts";
import { guardrailsSchema } from "../../base/config/guardrails.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { createPolicy } from "../../engine/policy.ts";
import { backtest, type RecordedDecision } from "../../proxy/backtest/backtest.ts";
import { ensureTool } from "../../tools/ensure.ts";
import type { Row } from "../table.ts";
import { type Called, sideBySideCalls } from "./calls.ts";
import { tenThousand } from "./exceptions.ts";
import { handWritten } from "./floor.ts";
import { deployment, GET, pod } from "./inputs.ts";
import { opaBench, REGO } from "./opa.ts";

const GUARDRAILS = guardrailsSchema.parse({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Guardrails",
  defaults: { approval: { approvers: ["group:corp:oncall"] } },
});

const INPUTS = {
  "a GET": GET,
  "a 1 KB pod": pod(),
  "a 1 KB pod with a hostPath": pod({ hostPath: { path: "/var/lib/shop" } }),
  "a 25 KB deployment": deployment(),
};
type Name = keyof typeof INPUTS;
/** Of opa's own median, and in microseconds. */
const AIMS: Partial<Record<Name, { ratio: number; us?: number }>> = {
  "a GET": { ratio: 0.1 },
  "a 1 KB pod": { ratio: 0.1, us: 40 },
  "a 25 KB deployment": { ratio: 0.4 },
};
const BACKTESTED = 20_000;

/** The decision alone, with the whole library loaded, from the caller's object to the checked verdict. */
export async function benchDecisions(turns = 9): Promise<Row[]> {
  const opa = await ensureTool("opa");
  const { bundle } = await compileBundle({ sources: [REGO], opa });
  const policy = await createPolicy({ bundle, guardrails: GUARDRAILS });
  const index = new StandingIndex(tenThousand());
  const now = Date.parse(GET.now);
  const excepted = (input: PolicyInput) => (): unknown => {
    const { sure } = index.candidates(input, now);
    return policy.decide({ ...input, exceptions: sure.map(matchOf) });
  };
  const names = Object.keys(INPUTS) as Name[];
  const calls = Object.fromEntries(
    names.flatMap((name) => [
      [name, () => policy.decide(INPUTS[name])],
      [`${name}, by hand`, () => handWritten(INPUTS[name])],
    ]),
  );
  const measured = await sideBySideCalls(
    { ...calls, "excepted pod": excepted(INPUTS["a 1 KB pod"]), "excepted GET": excepted(GET) },
    { turns, milliseconds: 150 },
  );
  const of = (name: string): Called => measured[name] ?? { p50: Number.NaN, p99: Number.NaN, cpu: Number.NaN };
  const opas = await opaBench(opa, GUARDRAILS, INPUTS);
  return [
    { what: "rules in the library", value: Object.keys(bundle.rules).length, unit: "" },
    ...names.flatMap((name) => rowsOf(name, of(name), of(`${name}, by hand`), opas[name] ?? Number.NaN)),
    ...(["pod", "GET"] as const).map((what): Row => {
      const alone = of(what === "GET" ? "a GET" : "a 1 KB pod");
      return {
        what: `decision on a ${what}, with 10,000 standing exceptions`,
        value: of(`excepted ${what}`).p50 / alone.p50,
        unit: "×",
        aim: { at: "most", value: 1.2 },
        beside: "with none, p50",
      };
    }),
    await backtestRow(policy),
  ];
}

function rowsOf(name: Name, called: Called, byHand: Called, opa: number): Row[] {
  const aim = AIMS[name];
  const what = `decision on ${name}`;
  return [
    {
      what: `${what}: p50`,
      value: called.p50,
      unit: "µs",
      ...(aim?.us === undefined ? {} : { aim: { at: "most", value: aim.us } }),
    },
    { what: `${what}: p99`, value: called.p99, unit: "µs" },
    { what: `${what}: decisions on one core`, value: 1e6 / called.cpu, unit: "/s" },
    { what: `${what}: opa bench, median`, value: opa, unit: "µs" },
    {
      what: `${what}: p50`,
      value: called.p50 / opa,
      unit: "×",
      ...(aim === undefined ? {} : { aim: { at: "most", value: aim.ratio } }),
      beside: "median of opa bench",
    },
    { what: `${what}: ten rules by hand, p50`, value: byHand.p50, unit: "µs", beside: "the floor" },
  ];
}

/** What a day of agents has: three reads to a write. */
async function backtestRow(policy: Parameters<typeof backtest>[1]): Promise<Row> {
  const write = INPUTS["a 1 KB pod"];
  const { object = null, podSpecs: _, ...question } = write;
  const record = (input: PolicyInput, facts: RecordedDecision["facts"]): RecordedDecision => ({
    decisionId: "0",
    at: GET.now,
    who: GET.user.username,
    what: input.request.path,
    namespace: "shop",
    effect: "allow",
    findings: [],
    input,
    facts,
  });
  const decisions = Array.from({ length: BACKTESTED }, (_, i) =>
    i % 4 === 0
      ? record(structuredClone(question), { masked: [], object, oldObject: null })
      : record(structuredClone(GET), undefined),
  );
  await backtest(decisions.slice(0, 2000), policy);
  const before = process.cpuUsage();
  const report = await backtest(decisions, policy);
  const { user, system } = process.cpuUsage(before);
  if (report.judged !== BACKTESTED) throw new Error(`${report.judged} of ${BACKTESTED} decisions were judged again`);
  return {
    what: "backtest: recorded decisions",
    value: BACKTESTED / ((user + system) / 1e6),
    unit: "/s",
    aim: { at: "least", value: 20_000 },
    beside: "of CPU; three GETs to a pod",
  };
}
