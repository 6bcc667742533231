import type { ModelDeps } from "../deps.ts";
import { elapsedUs, modelEvent } from "../events.ts";
import type { ModelAnswered } from "../exchange.ts";
import { MAX_ID, recordable } from "../recordable.ts";

/** So much of a reply's words stands in its event; all of them are its content. */
const MAX_WORDS = 4_096;

/** Puts on record what came of it: the reply, or the answer to what was no prompt. */
export function recordReply(exchange: ModelAnswered, deps: ModelDeps): void {
  const { decision, summary, response, asked, endpoint, session, turn } = exchange;
  const whole = summary !== undefined && summary.broken === undefined && exchange.cut === undefined;
  if (turn !== undefined && whole) deps.dialogues.answered(session.id, turn.promptId);
  if (decision.record === "None" && decision.findings.length === 0) return;
  const event = modelEvent(exchange, endpoint.replies ? "dialogue.reply" : "request.outcome");
  event.status = response.status;
  event.duration_us = elapsedUs(exchange);
  event.request_bytes = exchange.requestBytes;
  event.response_bytes = exchange.responseBytes;
  event.payload = {
    decisionId: decision.decisionId,
    forwarded: true,
    ...(exchange.cut === undefined ? {} : { cut: exchange.cut }),
    ...(asked === undefined ? {} : { asked: asked.model }),
    ...(exchange.spent === undefined ? {} : { spent: exchange.spent }),
  };
  if (summary !== undefined) {
    const { text, thinking, truncated, toolCalls, ...rest } = summary;
    Object.assign(event.payload, rest, {
      toolCalls: toolCalls.map(({ call: { id, name }, verdict: { effect } }) => ({
        id: id.slice(0, MAX_ID),
        name: name.slice(0, 256),
        effect,
      })),
    });
    if (decision.record === "RequestResponse") {
      const words = recordable(text, session.id, deps);
      const kept = { text: words, thinking: recordable(thinking, session.id, deps), truncated };
      event.response_content = Buffer.from(JSON.stringify(kept));
      event.payload.text = words.slice(0, MAX_WORDS);
    }
  }
  deps.recorder.record(event);
}
