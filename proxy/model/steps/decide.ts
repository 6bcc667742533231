import { uuid7 } from "../../../base/uuid7.ts";
import type { Decision } from "../../../engine/decision.ts";
import { deniedRefusal } from "../../deny.ts";
import type { ModelDeps } from "../deps.ts";
import type { ModelDecided, ModelRedacted } from "../exchange.ts";
import { modelQuestion, toolQuestion } from "../question.ts";

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
  const now = deps.clock.now();
  const questions = [
    modelQuestion(asking, now),
    ...atProvider(asked).map(({ name, ...rest }) => toolQuestion(asking, now, { id: "", name, arguments: rest }, [])),
  ];
  let decision: Decision | undefined;
  for (const question of questions) {
    const verdict = await policy.decide(question);
    // Nobody is there to approve a tool of the provider's: it would run again with each request.
    if (verdict.effect !== "allow")
      throw deniedRefusal(asDeny(Object.assign(exchange, { decision: verdict }).decision));
    decision ??= verdict;
  }
  return Object.assign(exchange, { policy, decision: decision as Decision });
}

function atProvider({ tools, mcpServers }: Pick<NonNullable<ModelRedacted["asked"]>, "tools" | "mcpServers">) {
  return [
    ...tools.filter(({ server }) => server).map(({ name, type }) => ({ name, type, server: true })),
    ...mcpServers.map(({ name, url }) => ({ name, type: "mcp", url, server: true })),
  ];
}

function asDeny(decision: Decision): Decision {
  const findings = decision.findings.map((one) => (one.effect === "hold" ? { ...one, effect: "deny" as const } : one));
  return { ...decision, effect: "deny", findings };
}
