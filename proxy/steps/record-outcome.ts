import type { Deps } from "../deps.ts";
import { outcomeEvent } from "../events.ts";
import type { Answered } from "../exchange.ts";
import { keepRequest } from "../record-bodies.ts";
import { keepInput } from "../record-input.ts";
import { withShadow } from "../shadow.ts";

/** Puts on record what came of it. */
export function recordOutcome(exchange: Answered, deps: Deps): void {
  const { decision } = exchange;
  if (decision.record === "None" && !exchange.intentRecorded && decision.findings.length === 0) return;
  const event = outcomeEvent(exchange, exchange.response.status);
  event.masked_fields = exchange.maskedFields;
  const { fingerprints = {} } = exchange;
  // Equal values have equal HMACs under the install's key, and nobody without it can try guesses.
  if (Object.keys(fingerprints).length > 0) event.payload = { ...event.payload, masked: { ...fingerprints } };
  event.response_bytes = exchange.responseBytes;
  if (!exchange.intentRecorded) keepRequest(event, exchange, deps);
  if (exchange.responseContent !== undefined) event.response_content = exchange.responseContent;
  if (exchange.responseStream !== undefined) event.response_stream = exchange.responseStream;
  deps.recorder.record(withShadow(keepInput(event, exchange, deps), exchange, deps));
}
