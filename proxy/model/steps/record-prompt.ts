import { Refusal } from "../../../base/errors.ts";
import type { ModelDeps } from "../deps.ts";
import { claimsOf, modelEvent } from "../events.ts";
import type { ModelDecided } from "../exchange.ts";

/** Puts on record what is asked, and which results it brings back, before the provider hears of it. */
export function recordPrompt(exchange: ModelDecided, deps: ModelDeps): ModelDecided {
  const { asked, decision, body, session, redacted, endpoint } = exchange;
  const failure = deps.recorder.failure();
  if (failure !== undefined && decision.record !== "None") {
    throw new Refusal("recorder-unavailable", `the request cannot be put on record: ${failure}`, {
      next: "Nothing was forwarded. Tell the operator of the gateway.",
    });
  }
  if (asked === undefined || body === null) return exchange;
  for (const { id, isError } of endpoint.replies ? asked.toolResults : []) {
    const call = deps.dialogues.returned(session.id, id);
    // Each request brings all results of the dialogue again: the first time counts.
    if (call === undefined) continue;
    deps.recorder.record({
      ...modelEvent(exchange, "dialogue.tool_result"),
      prompt_id: call.promptId,
      tool_use_id: id,
      payload: { tool: call.name, isError },
    });
  }
  if (decision.record === "None" && decision.findings.length === 0) return exchange;
  const event = modelEvent(exchange, "dialogue.prompt");
  event.request_bytes = body.length;
  event.payload = {
    decisionId: decision.decisionId,
    model: asked.model,
    stream: asked.stream,
    tools: asked.tools.length,
    ...(asked.tools.some(({ server }) => server) ? { serverTools: asked.tools.filter(({ server }) => server) } : {}),
    ...(asked.mcpServers.length > 0 ? { mcpServers: asked.mcpServers } : {}),
    toolResults: asked.toolResults.map(({ id }) => id).slice(-64),
    redacted,
    claims: claimsOf(exchange),
    ...(isKept(decision.record) ? { prompt: asked.prompt.slice(0, 65_536) } : {}),
  };
  if (isKept(decision.record)) event.request_content = body;
  deps.recorder.record(event);
  return exchange;
}

export function isKept(level: string): boolean {
  return level === "Request" || level === "RequestResponse";
}
