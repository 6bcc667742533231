import { Refusal } from "../../../base/errors.ts";
import type { ModelRequest } from "../../../dialogue/types.ts";
import type { ModelDeps } from "../deps.ts";
import { ownWords } from "../dialogues.ts";
import { claimsOf, modelEvent } from "../events.ts";
import type { ModelDecided } from "../exchange.ts";
import { isKept, MAX_ID, recordable } from "../recordable.ts";

const MAX_WORDS = 65_536;
/** Of one request, results that answer no call that is open. */
const MAX_STRAYS = 64;
/** Of the tools and servers at the provider, so many stand in the event; all of them were decided. */
const MAX_TOOLS = 100;

/**
 * Puts on record what is asked, and which results it brings back, before the provider hears of it. `continues` says of a
 * request in which no person said something new what it goes on with.
 */
export function recordPrompt(exchange: ModelDecided, deps: ModelDeps): ModelDecided {
  const { asked, decision, body, endpoint } = exchange;
  const failure = deps.recorder.failure();
  if (failure !== undefined && decision.record !== "None") {
    throw new Refusal("recorder-unavailable", `the request cannot be put on record: ${failure}`, {
      next: "Nothing was forwarded. Tell the operator of the gateway.",
    });
  }
  if (asked === undefined || body === null) return exchange;
  const kept = isKept(decision.record);
  if (endpoint.replies) recordResults(exchange, asked, deps);
  const claims = claimsOf(exchange);
  const { session, turn, told, redacted, redactions, recorded } = exchange;
  if (turn !== undefined) {
    deps.dialogues.said(session.id, { ...asked, bytes: body.length }, turn);
    deps.dialogues.claimed(session.id, turn.promptId, claims);
  }
  if (decision.record === "None" && decision.findings.length === 0) return exchange;
  const event = modelEvent(exchange, endpoint.replies ? "dialogue.prompt" : "request.intent");
  if (turn?.by !== undefined) event.tool_use_id = turn.by;
  event.request_bytes = body.length;
  const serverTools = asked.tools.filter(({ server }) => server);
  event.payload = {
    decisionId: decision.decisionId,
    ...(decision.findings.length === 0 ? {} : { findings: decision.findings }),
    model: asked.model,
    stream: asked.stream,
    tools: asked.tools.length,
    ...(serverTools.length > 0
      ? { serverTools: serverTools.slice(0, MAX_TOOLS).map((one) => ({ ...one, name: one.name.slice(0, MAX_ID) })) }
      : {}),
    ...(asked.mcpServers.length > 0 ? { mcpServers: asked.mcpServers.slice(0, MAX_TOOLS) } : {}),
    ...(turn?.continues === undefined ? {} : { continues: turn.continues }),
    // What of it the provider has and this record has not, and whether it keeps the reply.
    ...(asked.recalls === undefined ? {} : { recalls: asked.recalls.slice(0, MAX_TOOLS) }),
    ...(asked.stored === true ? { stored: true } : {}),
    toolResults: asked.toolResults.map(({ id }) => id.slice(0, MAX_ID)).slice(-64),
    redacted,
    // Where the values come from that were taken out, with their HMACs; and what looked like a credential.
    ...(redactions === undefined || redacted + redactions.signed === 0 ? {} : { redactions: { ...redactions } }),
    claims,
    ...(kept && told !== undefined
      ? { prompt: recordable(ownWords(told.prompt).slice(0, MAX_WORDS), session.id, deps) }
      : {}),
  };
  event.masked_fields = redactions?.maskedFields ?? [];
  if (kept && recorded != null) event.request_content = recorded;
  deps.recorder.record(event);
  return exchange;
}

function recordResults(exchange: ModelDecided, { toolResults }: ModelRequest, deps: ModelDeps): void {
  const { session, decision, told } = exchange;
  const { record } = decision;
  // In the same order, whatever was taken out of them.
  const texts = told?.toolResults.length === toolResults.length ? told.toolResults : undefined;
  // The newest of an id that comes twice is the one that is new; requests may bring all results of a dialogue again.
  const results = new Map(toolResults.map((one, at) => [one.id.slice(0, MAX_ID), { result: one, at }]));
  let strays = 0;
  for (const [id, { result, at }] of results) {
    const { isError, text } = result;
    const times = id === "" ? toolResults.filter((one) => one.id === "").length : 1;
    const call = deps.dialogues.returned(session.id, id, times);
    if (record === "None" && decision.findings.length === 0) continue;
    if (call === undefined && (id === "" || !deps.dialogues.isNew(session.id, result) || ++strays > MAX_STRAYS))
      continue;
    const kept = isKept(record) ? texts?.[at]?.text : undefined;
    deps.recorder.record({
      ...modelEvent(exchange, "dialogue.tool_result"),
      ...(call === undefined ? {} : { prompt_id: call.promptId }),
      tool_use_id: id,
      ...(kept === undefined ? {} : { request_content: Buffer.from(recordable(kept, session.id, deps)) }),
      // Words in the place of a result that nobody waits for: it came before, or of another gateway's call, or of none.
      payload: {
        ...(call === undefined ? { stray: true } : { tool: call.name.slice(0, 256) }),
        ...{ isError, characters: text.length },
      },
    });
  }
}
