import type { Cleared } from "./exchange.ts";
import { objectAsSent } from "./facts.ts";

/**
 * The request's body as it may be kept: at the level that policy says, and never with a value that policy masks.
 * A JSON patch of a masked resource is not kept at all, since its values have no field names.
 */
export function recordedRequest(exchange: Cleared): Uint8Array | undefined {
  const { decision, body, masker } = exchange;
  if (decision.record !== "Request" && decision.record !== "RequestResponse") return undefined;
  if (body === null) return undefined;
  if (masker === undefined) return body.bytes;
  const sent = objectAsSent(exchange);
  if (sent === undefined) return undefined;
  // On a copy: what was sent is what will be forwarded.
  return Buffer.from(masker.maskText(JSON.stringify(sent)).value);
}
