import { recordLevelSchema } from "../../../base/config/guardrails.ts";
import { uuid7 } from "../../../base/uuid7.ts";
import type { Decision } from "../../../engine/decision.ts";
import { deniedRefusal } from "../../deny.ts";
import type { ModelDeps } from "../deps.ts";
import type { ModelDecided, ModelRedacted } from "../exchange.ts";
import { requestQuestions } from "../question.ts";
import { spendStanding, withStanding } from "../standing.ts";

/** The levels of audit.k8s.io, each with more than the one before. */
const LEVELS = recordLevelSchema.options;

/**
 * The verdict on what is asked. Tools that run at the provider, and servers that it calls, are decided here: no reply could hold
 * them back, since they have run by then.
 */
export async function decide(exchange: ModelRedacted, deps: ModelDeps): Promise<ModelDecided> {
  const { session, asked, endpoint, body } = exchange;
  // A count of tokens is no turn of a dialogue, but sends one to the provider all the same; a list of models does neither.
  if (endpoint.replies && asked !== undefined) {
    exchange.turn = deps.dialogues.turnOf(session.id, { ...asked, bytes: body?.length ?? 0 }, uuid7());
    exchange.promptId = exchange.turn.promptId;
  }
  const usedUp = new Set<string>();
  for (;;) {
    const decided = await judged(exchange, usedUp, deps);
    const gone = await spendStanding(decided.decision, exchange.id, deps);
    if (gone === undefined) return decided;
    usedUp.add(gone);
  }
}

async function judged(exchange: ModelRedacted, usedUp: ReadonlySet<string>, deps: ModelDeps): Promise<ModelDecided> {
  const { promptId = "", asked } = exchange;
  const asking = { ...exchange, promptId, asked };
  const policy = deps.policy.current;
  const verdicts: Decision[] = [];
  for (const question of requestQuestions(asking, deps.clock.now())) {
    const verdict = await policy.decide(withStanding(question, deps, usedUp));
    if (verdict.effect !== "allow")
      throw deniedRefusal(Object.assign(exchange, { decision: asDeny(verdict) }).decision);
    verdicts.push(verdict);
  }
  return Object.assign(exchange, { policy, decision: together(verdicts) });
}

/** What let each part of a request through has found, and is recorded by the one that records most. */
function together([first, ...others]: readonly Decision[]): Decision {
  if (first === undefined) throw new Error("policy was asked nothing");
  const all = [first, ...others].flatMap((one) => one.findings);
  const findings = [
    ...new Map(all.map((one) => [JSON.stringify([one.rule, one.message, one.exception]), one])).values(),
  ];
  const depth = others.reduce(
    (most, { record }) => Math.max(most, LEVELS.indexOf(record)),
    LEVELS.indexOf(first.record),
  );
  return { ...first, findings, record: LEVELS[depth] ?? "RequestResponse" };
}

/**
 * Nobody is there to approve a dialogue, or a tool of the provider's: it would run again with each request. Of the rules that
 * METADATA and guardrails may name none holds a dialogue alone; one that is of tools as well may.
 */
function asDeny(decision: Decision): Decision {
  const findings = decision.findings.map((one) =>
    one.effect === "hold"
      ? {
          ...one,
          effect: "deny" as const,
          message: `${one.message} (it asks for approval, which nobody waits for here)`,
        }
      : one,
  );
  return { ...decision, effect: "deny", findings };
}
