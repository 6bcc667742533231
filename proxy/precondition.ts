import { Refusal } from "../base/errors.ts";
import {
  clientResourceVersion,
  objectResourceVersion,
  serializePatch,
  withObjectPrecondition,
  withPrecondition,
} from "../kubernetes/patch.ts";
import type { RequestAttributes } from "../kubernetes/types.ts";
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
export function conditionalBody({ attributes, facts, body, input }: Intended): Conditional | undefined {
  const version = facts.resourceVersion;
  if (version === undefined) return undefined;
  // A delete without a body gets one, which says all that its query says: the server reads one of them only.
  if (attributes.verb === "delete") return conditionalDelete(body?.options ?? input.request.options, version);
  if (body === null) return undefined;
  refuseStale(body, version, attributes, input.request.name);
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
  return undefined;
}

/** What names an older version than the one that is stored gets the API server's answer, which it would get there. */
function refuseStale({ patch, object }: ReadBody, judged: string, at: RequestAttributes, name: string): void {
  if (at.verb !== "update" && at.verb !== "patch") return;
  const version =
    patch !== null ? clientResourceVersion(patch) : object === null ? undefined : objectResourceVersion(object);
  if (version === undefined || version === judged) return;
  const resource = at.group === "" ? at.resource : `${at.resource}.${at.group}`;
  // k8s.io/apimachinery api/errors NewConflict, k8s.io/apiserver registry/generic OptimisticLockErrorMsg.
  const message = `Operation cannot be fulfilled on ${resource} "${name}": the object has been modified; please apply your changes to the latest version and try again`;
  throw new Refusal("conflict", message, { verbatim: true });
}

/** Bound to the judged version; a client's own preconditions stand beside ours, and may only be the judged ones. */
function conditionalDelete(options: Record<string, unknown>, version: string): Conditional {
  const own = options.preconditions as Record<string, unknown> | undefined;
  const wanted = own?.resourceVersion;
  if (wanted !== undefined && wanted !== null && wanted !== version) {
    throw new Refusal("conflict", "the object has been modified; the request names another resourceVersion", {
      next: "Read the object again, and delete its latest version.",
    });
  }
  const preconditions = { ...own, resourceVersion: version };
  const bound = { kind: "DeleteOptions", apiVersion: "v1", ...options, preconditions };
  return { bytes: encode(JSON.stringify(bound)), ours: own === undefined || own === null };
}

function checked(body: ReadBody, version: string): Uint8Array {
  if (body.patch !== null) withPrecondition(body.patch, version);
  return body.forwardBytes;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
