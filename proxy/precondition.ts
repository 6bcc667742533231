import { clientResourceVersion, objectResourceVersion, serializePatch, withPrecondition } from "../kubernetes/patch.ts";
import type { Intended } from "./exchange.ts";

export interface Conditional {
  bytes: Uint8Array;
  /** False where the client chose a precondition of its own: then a 409 is its to see. */
  ours: boolean;
}

/**
 * The body bound to the version of the object that was judged, so that what is applied is what was judged
 * (design §2, "Forward what was judged"). Undefined where the verdict stands on nothing stored, or where the API
 * server takes no precondition.
 */
export function conditionalBody({ attributes, facts, body }: Intended): Conditional | undefined {
  const version = facts.resourceVersion;
  if (version === undefined || body === null) return undefined;
  if (body.patch !== null) {
    if (clientResourceVersion(body.patch) !== undefined) return { bytes: body.forwardBytes, ours: false };
    return { bytes: encode(serializePatch(withPrecondition(body.patch, version))), ours: true };
  }
  if (attributes.verb === "update" && body.object !== null) {
    if (objectResourceVersion(body.object) !== undefined) return { bytes: body.forwardBytes, ours: false };
    const metadata = { ...(body.object.metadata as object | undefined), resourceVersion: version };
    return { bytes: encode(JSON.stringify({ ...body.object, metadata })), ours: true };
  }
  if (attributes.verb === "delete") {
    const own = body.options.preconditions as object | undefined;
    const preconditions = { resourceVersion: version, ...own };
    const options = { kind: "DeleteOptions", apiVersion: "v1", ...body.options, preconditions };
    return { bytes: encode(JSON.stringify(options)), ours: own === undefined };
  }
  return undefined;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
