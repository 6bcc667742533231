import { isRawNumber } from "../base/lossless-json.ts";
import { tagRawNumbers } from "./change.ts";
import type { Patch } from "./patch.ts";
import type { KubernetesObject, RequestAttributes } from "./types.ts";

export interface DigestSubject {
  connection: string;
  requester: { issuer: string; username: string };
  attributes: RequestAttributes;
  contentType: string;
  /** What was judged: the object (DeleteOptions of a delete), or the patch; null where there is no body, or none that was read. */
  body: { object: KubernetesObject } | { patch: Patch } | null;
}

/** `kubectl debug` names its container, or its copy's, at random. */
const DEBUGGER = /^debugger-[a-z0-9]{5}$/;
const DEBUGGER_FORM = "debugger-*";
/** RFC 3339 to the second, as `kubectl rollout restart` writes it. */
const RESTARTED_AT = "kubectl.kubernetes.io/restartedAt";
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const VERSION_POINTER = "/metadata/resourceVersion";

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** Values that clients make up anew at each attempt, each matched by its exact grammar and in its exact place. */
function withoutClientGenerated(value: unknown, key: string): unknown {
  if (typeof value === "string") {
    if (key === RESTARTED_AT && TIMESTAMP.test(value)) return "*";
    return (key === "name" || key === "targetContainerName") && DEBUGGER.test(value) ? DEBUGGER_FORM : value;
  }
  if (Array.isArray(value)) return value.map((entry) => withoutClientGenerated(entry, ""));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, withoutClientGenerated(entry, name)]));
}

function withoutVersion(object: KubernetesObject): KubernetesObject {
  const { metadata } = object;
  if (!isObject(metadata) || !Object.hasOwn(metadata, "resourceVersion")) return object;
  const { resourceVersion: _version, ...rest } = metadata;
  return { ...object, metadata: rest };
}

function bodyForm(body: DigestSubject["body"]): unknown {
  if (body === null) return null;
  if ("object" in body) return tagRawNumbers(withoutClientGenerated(withoutVersion(body.object), ""));
  const { patch } = body;
  if (patch.type !== "json") return tagRawNumbers(withoutClientGenerated(withoutVersion(patch.fragment), ""));
  const operations = patch.operations.filter(
    ({ op, path }) => path !== VERSION_POINTER || (op !== "add" && op !== "replace"),
  );
  return tagRawNumbers(withoutClientGenerated(operations, ""));
}

/**
 * What a request's digest is the HMAC of, once canonicalised (contracts §4). The same request made again
 * gives the same form: kubectl's WebSocket and SPDY attempts (`connect`), another timeout, another
 * resourceVersion and the values that clients generate make no difference; anything else does.
 */
export function digestForm({ connection, requester, attributes, contentType, body }: DigestSubject): unknown {
  const connects = attributes.operation === "CONNECT";
  const query = Object.entries(attributes.query)
    .filter(([key]) => key !== "timeout")
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    connection,
    requester: { issuer: requester.issuer, username: requester.username },
    verb: connects ? "connect" : attributes.verb,
    path: attributes.path,
    query,
    contentType: connects ? "" : (contentType.split(";")[0] ?? "").trim().toLowerCase(),
    body: bodyForm(body),
  };
}
