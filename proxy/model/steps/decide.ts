import { uuid7 } from "../../../base/uuid7.ts";
import type { Decision } from "../../../engine/decision.ts";
import { deniedRefusal } from "../../deny.ts";
import type { ModelDeps } from "../deps.ts";
import type { ModelDecided, ModelRedacted } from "../exchange.ts";
import { requestQuestions } from "../question.ts";

const NOTHING = { model: "", prompt: "", toolResults: [], tools: [], mcpServers: [], stream: false };

/**
 * The verdict on what is asked. Tools that run at the provider, and servers that it calls, are decided here: no reply could hold
 * them back, since they have run by then.
 */
export async function decide(exchange: ModelRedacted, deps: ModelDeps): Promise<ModelDecided> {
  const { session, asked = NOTHING, endpoint, body } = exchange;
  // A count of tokens, or a list of models, is no part of a dialogue.
  if (endpoint.replies) {
    exchange.turn = deps.dialogues.turnOf(session.id, { ...asked, bytes: body?.length ?? 0 }, uuid7());
    exchange.promptId = exchange.turn.promptId;
  }
  const { promptId = "" } = exchange;
  const asking = { ...exchange, promptId, asked };
  const policy = deps.policy.current;
  let decision: Decision | undefined;
  for (const question of requestQuestions(asking, deps.clock.now())) {
    const verdict = await policy.decide(question);
    // Nobody is there to approve a tool of the provider's: it would run again with each request.
    if (verdict.effect !== "allow")
      throw deniedRefusal(asDeny(Object.assign(exchange, { decision: verdict }).decision));
    decision ??= verdict;
  }
  return Object.assign(exchange, { policy, decision: decision as Decision });
}

function asDeny(decision: Decision): Decision {
  const findings = decision.findings.map((one) => (one.effect === "hold" ? { ...one, effect: "deny" as const } : one));
  return { ...decision, effect: "deny", findings };
}
