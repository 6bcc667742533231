import { canonicalJson } from "../base/canonical-json.ts";
import { hmac } from "../base/digest.ts";

/** What makes two requests the same request (contracts §4, "digest"). The caller has canonicalised the body. */
export interface DigestForm {
  connection: string;
  requester: { issuer: string; username: string };
  /** `connect` for operation CONNECT, so that kubectl's WebSocket and SPDY attempts are one request. */
  verb: string;
  path: string;
  query: Record<string, string[]>;
  contentType: string;
  /** The body's canonical form, less resourceVersion and what clients generate; null where there is none. */
  body: unknown;
}

/** What the approver was shown to change (contracts §4, "change"). */
export interface ChangeForm {
  /** Of the object that is changed; null for a create; the pod's for exec and its kin. */
  uid: string | null;
  changes: { path: string; from?: unknown; to?: unknown }[];
}

/**
 * HMAC-SHA-256 of the request, lower-case hex. Keyed, since a plain hash in a pull request would let anyone
 * guess a short secret in the body. `timeout` is how long the client waits, not what it asks for.
 * Throws a TypeError where the form has no JSON.
 */
export function digestOf(hmacKey: Uint8Array, form: DigestForm): string {
  const { timeout: _, ...query } = form.query;
  return hmac(hmacKey, "sallyport/digest/v1", canonicalJson({ ...form, query }));
}

/** HMAC-SHA-256 of the change, lower-case hex. An approval is only for the change that was shown. */
export function changeOf(hmacKey: Uint8Array, change: ChangeForm): string {
  return hmac(hmacKey, "sallyport/change/v1", canonicalJson(change));
}
