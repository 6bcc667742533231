import type { ModelDeps } from "../deps.ts";
import { elapsedUs, modelEvent } from "../events.ts";
import type { ModelAnswered } from "../exchange.ts";
import { isKept } from "./record-prompt.ts";

const MAX_TEXT = 262_144;

/** Puts on record what came of it: the reply, or the answer to what was no prompt. */
export function recordReply(exchange: ModelAnswered, deps: ModelDeps): void {
  const { decision, summary, response, asked, endpoint } = exchange;
  if (decision.record === "None" && decision.findings.length === 0) return;
  const event = modelEvent(exchange, endpoint.replies ? "dialogue.reply" : "request.outcome");
  event.status = response.status;
  event.duration_us = elapsedUs(exchange);
  event.request_bytes = exchange.body?.length ?? 0;
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
      toolCalls: toolCalls.map(({ call: { id, name }, verdict: { effect } }) => ({ id, name, effect })),
    });
    if (decision.record === "RequestResponse") {
      const kept = { text: text.slice(0, MAX_TEXT), thinking: thinking.slice(0, MAX_TEXT), truncated };
      event.response_content = Buffer.from(JSON.stringify(kept));
    }
    if (isKept(decision.record)) event.payload.text = text.slice(0, 4_096);
  }
  deps.recorder.record(event);
}
