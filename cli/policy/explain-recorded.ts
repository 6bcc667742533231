import type { EventRow } from "../../audit/event.ts";
import { UserError } from "../../base/errors.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { whyEffects } from "../../engine/why-effect.ts";
import { judgeAgain } from "../../proxy/backtest/judge-again.ts";
import { type RecordedDecision, recordedDecision } from "../../proxy/backtest/recorded.ts";
import type { Answer } from "../action.ts";
import { openEvidence } from "../evidence/source.ts";
import type { Candidate } from "./candidate.ts";
import { explainedFindings, renderExplanation } from "./render-explanation.ts";

/** `policy explain --decision ID`: a recorded question, asked of the policy that is named here. */
export async function explainRecorded(id: string, candidate: Candidate, config: string | undefined): Promise<Answer> {
  const { event, facts } = await recordedEvent(id, config);
  const recorded = recordedDecision({ ...event, ...(facts === undefined ? {} : { facts }) });
  if (recorded === undefined) {
    throw new UserError(`the decision ${id} is on record without what was asked`, { exitCode: 1 });
  }
  const judged = await judgeAgain(recorded, candidate.policy);
  if ("missing" in judged) {
    throw new UserError(`the decision ${id} cannot be judged again: not on record is ${judged.missing}`, {
      exitCode: 1,
      next: "Record such requests at the level Request (guardrails.yaml, `record`), or explain the request itself.",
    });
  }
  const { decision } = judged;
  const input = recorded.input;
  const explanation = { decision, input: input === undefined ? undefined : { ...input, ...objectsOf(recorded.facts) } };
  const why =
    explanation.input === undefined || decision.findings.length === 0
      ? new Map()
      : await whyEffects(candidate.bundle, candidate.guardrails, explanation.input);
  const findings = explainedFindings(explanation, candidate, why);
  const request = { method: input?.request.verb ?? "", path: input?.request.path ?? "" };
  const was = recorded.effect === decision.effect ? "" : `\n  it was   ${recorded.effect} when it was asked`;
  const { effect, mask, record, revision, approval } = decision;
  return {
    json: { decisionId: id, recorded: recorded.effect, revision, effect, findings, approval, mask, record },
    text: `${renderExplanation(request, explanation, findings, candidate.name)}${was}`,
    exitCode: effect === "allow" ? 0 : 1,
  };
}

function objectsOf(facts: RecordedDecision["facts"]): Pick<PolicyInput, "object" | "oldObject"> {
  if (facts === undefined) return {};
  const { object, oldObject } = facts;
  return { ...(object === undefined ? {} : { object }), ...(oldObject === undefined ? {} : { oldObject }) };
}

async function recordedEvent(id: string, config: string | undefined): Promise<{ event: EventRow; facts?: string }> {
  const source = await openEvidence(config);
  try {
    const events = await source.decision(id);
    const event = events.findLast(({ kind }) => kind === "request.outcome" || kind === "request.refused");
    if (event === undefined) throw new UserError(`nothing is on record of the decision ${id}`, { exitCode: 1 });
    const { facts: digest } = JSON.parse(event.payload) as { facts?: string };
    const content = digest === undefined ? undefined : await source.body?.(digest);
    return { event, ...(content === undefined ? {} : { facts: content.toString("utf8") }) };
  } finally {
    await source.close();
  }
}
