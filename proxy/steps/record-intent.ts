import type { EventDraft } from "../../audit/event.ts";
import { Refusal } from "../../base/errors.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent, forwardedPayload } from "../events.ts";
import type { Cleared, Intended } from "../exchange.ts";
import { recordedRequest } from "../record-bodies.ts";
import { keepInput } from "../record-input.ts";

/**
 * Puts a write on disk before it is forwarded, so that no crash can leave one that nobody knows of. Nothing is
 * forwarded while the recorder cannot record.
 */
export function recordIntent(exchange: Cleared, deps: Deps): Intended | Promise<Intended> {
  if (exchange.attributes.operation === "") {
    const failure = deps.recorder.failure();
    if (failure === undefined || exchange.decision.record === "None")
      return Object.assign(exchange, { intentRecorded: false });
    throw new Refusal("recorder-unavailable", `the request cannot be put on record: ${failure}`, {
      next: "Nothing was forwarded. Tell the operator of the gateway.",
    });
  }
  const content = recordedRequest(exchange, deps);
  const event: EventDraft = {
    ...exchangeEvent(exchange, "request.intent"),
    request_bytes: exchange.body?.bytes.length ?? 0,
    ...(content === undefined ? {} : { request_content: content }),
    payload: forwardedPayload(exchange),
  };
  // Its outcome is hours away: whoever follows a terminal, or finds it cut off by a crash, has to know what runs in it.
  if (exchange.upgrade !== undefined) keepInput(event, exchange, deps);
  return deps.recorder.recordDurably(event).then(() => Object.assign(exchange, { intentRecorded: true }));
}
