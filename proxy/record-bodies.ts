import type { EventDraft } from "../audit/event.ts";
import { Refusal } from "../base/errors.ts";
import type { Deps } from "./deps.ts";
import type { Known } from "./exchange.ts";
import { objectAsSent } from "./facts.ts";
import { recordMaskerOf, withheldText } from "./withhold/record-masker.ts";

/**
 * The request's body as it may be kept: at the level that policy says, and never with a value that policy masks, nor with
 * a credential that it lets the caller write. A JSON patch of a masked resource is not kept at all, since its values have
 * no field names. Undefined also for what was refused before it was decided.
 */
export function recordedRequest(exchange: Known, deps: Pick<Deps, "hmacKey" | "recordValues">): Uint8Array | undefined {
  const { decision, body, masker, attributes, session } = exchange;
  if (decision?.record !== "Request" && decision?.record !== "RequestResponse") return undefined;
  if (body == null || attributes === undefined || session === undefined) return undefined;
  const own = recordMaskerOf({ attributes, session, body }, deps);
  if (masker === undefined && own === undefined) return body.bytes;
  const sent = objectAsSent({ body });
  if (sent === undefined) return undefined;
  // On a copy: what was sent is what will be forwarded.
  return Buffer.from(withheldText(JSON.stringify(sent), [masker, own]).value);
}

/** What was asked for is on record at its level, with what came of it; what was forwarded as a write is with its intent. */
export function keepRequest(event: EventDraft, exchange: Known, deps: Pick<Deps, "hmacKey" | "recordValues">): void {
  try {
    const content = recordedRequest(exchange, deps);
    if (content !== undefined) event.request_content = content;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    event.payload = { ...event.payload, requestLeftOut: error.message };
  }
}
