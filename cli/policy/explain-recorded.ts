import { BodyMissing } from "../../audit/bodies.ts";
import type { EventRow } from "../../audit/event.ts";
import { UserError } from "../../base/errors.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { judgeAgain } from "../../proxy/backtest/judge-again.ts";
import { type RecordedDecision, recordedDecision } from "../../proxy/backtest/recorded.ts";
import type { Answer } from "../action.ts";
import { openEvidence } from "../evidence/source.ts";
import type { Candidate } from "./candidate.ts";
import { explained } from "./explained.ts";

/** `policy explain --decision ID`: a recorded question, asked of the policy that is named here. */
export async function explainRecorded(id: string, candidate: Candidate, config: string | undefined): Promise<Answer> {
  const { event, facts, kept } = await recordedEvent(id, config);
  const recorded = recordedDecision({ ...event, ...(facts === undefined ? {} : { facts }) });
  if (recorded === undefined) {
    throw new UserError(`the decision ${id} is on record without what was asked`, { exitCode: 1 });
  }
  const judged = await judgeAgain(recorded, candidate.policy);
  if ("missing" in judged) throw cannotJudge(id, judged.missing, kept && facts === undefined);
  const { decision } = judged;
  const { input } = recorded;
  const explanation = { decision, input: input === undefined ? undefined : { ...input, ...objectsOf(recorded.facts) } };
  const request = { method: input?.request.verb ?? "", path: input?.request.path ?? "" };
  const { json, text } = await explained(request, explanation, candidate);
  const was = recorded.effect === decision.effect ? "" : `\n  it was   ${recorded.effect} when it was asked`;
  return {
    json: { decisionId: id, recorded: recorded.effect, ...json },
    text: `${text}${was}`,
    exitCode: decision.effect === "allow" ? 0 : 1,
  };
}

function cannotJudge(id: string, missing: string, gone: boolean): UserError {
  if (gone) {
    return new UserError(`the objects of the decision ${id} were on record, and are no longer kept`, {
      exitCode: 1,
      next: "Explain the request itself, with its object.",
    });
  }
  return new UserError(`the decision ${id} cannot be judged again: not on record is ${missing}`, {
    exitCode: 1,
    next: "Record such requests at the level Request (guardrails.yaml, `record`), or explain the request itself.",
  });
}

function objectsOf(facts: RecordedDecision["facts"]): Pick<PolicyInput, "object" | "oldObject"> {
  if (facts === undefined) return {};
  const { object, oldObject } = facts;
  return { ...(object === undefined ? {} : { object }), ...(oldObject === undefined ? {} : { oldObject }) };
}

async function recordedEvent(
  id: string,
  config: string | undefined,
): Promise<{ event: EventRow; facts?: string; kept: boolean }> {
  const source = await openEvidence(config);
  try {
    const events = await source.decision(id);
    const event = events.findLast(({ kind }) => kind === "request.outcome" || kind === "request.refused");
    if (event === undefined) throw new UserError(`nothing is on record of the decision ${id}`, { exitCode: 1 });
    const { facts: digest } = JSON.parse(event.payload) as { facts?: string };
    const facts = digest === undefined ? undefined : await textOf(source.content(event, digest));
    return { event, kept: digest !== undefined, ...(facts === undefined ? {} : { facts }) };
  } finally {
    await source.close();
  }
}

/** Undefined where it is not kept any more. */
async function textOf(content: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of content) parts.push(part);
  } catch (error) {
    if (error instanceof BodyMissing) return undefined;
    throw error;
  }
  return Buffer.concat(parts).toString("utf8");
}
