import {
  clientResourceVersion,
  objectResourceVersion,
  serializePatch,
  withObjectPrecondition,
  withPrecondition,
} from "../kubernetes/patch.ts";
import type { Intended, ReadBody } from "./exchange.ts";

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
  // Both refuse a client's version that is not the judged one: what was judged would not be what is written.
  if (body.patch !== null) {
    const ours = clientResourceVersion(body.patch) === undefined;
    return {
      bytes: ours ? encode(serializePatch(withPrecondition(body.patch, version))) : checked(body, version),
      ours,
    };
  }
  if (attributes.verb === "update" && body.object !== null) {
    const ours = objectResourceVersion(body.object) === undefined;
    const bound = withObjectPrecondition(body.object, version);
    return { bytes: ours ? encode(JSON.stringify(bound)) : body.forwardBytes, ours };
  }
  if (attributes.verb === "delete") {
    const own = body.options.preconditions as object | undefined;
    const preconditions = { resourceVersion: version, ...own };
    const options = { kind: "DeleteOptions", apiVersion: "v1", ...body.options, preconditions };
    return { bytes: encode(JSON.stringify(options)), ours: own === undefined };
  }
  return undefined;
}

function checked(body: ReadBody, version: string): Uint8Array {
  if (body.patch !== null) withPrecondition(body.patch, version);
  return body.forwardBytes;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
