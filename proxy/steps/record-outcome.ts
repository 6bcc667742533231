import type { Deps } from "../deps.ts";
import { decisionPayload, durationUs, exchangeEvent } from "../events.ts";
import type { Answered } from "../exchange.ts";
import { recordedRequest } from "../record-bodies.ts";

/** Puts on record what came of it. */
export function recordOutcome(exchange: Answered, deps: Deps): void {
  const { decision, cut } = exchange;
  if (decision.record === "None" && !exchange.intentRecorded && decision.findings.length === 0) return;
  const event = exchangeEvent(exchange, "request.outcome");
  event.status = exchange.response.status;
  event.duration_us = durationUs(exchange);
  event.masked_fields = exchange.maskedFields;
  event.request_bytes = exchange.body?.bytes.length ?? 0;
  event.response_bytes = exchange.responseBytes;
  if (!exchange.intentRecorded) {
    const content = recordedRequest(exchange);
    if (content !== undefined) event.request_content = content;
  }
  if (exchange.responseContent !== undefined) event.response_content = exchange.responseContent;
  event.payload = {
    ...decisionPayload(exchange),
    forwarded: true,
    ...(cut === undefined ? {} : { cut }),
    dryRun: exchange.input.request.dryRun,
    ...(exchange.id === exchange.firstId ? {} : { retryOf: exchange.firstId }),
  };
  deps.recorder.record(event);
}
