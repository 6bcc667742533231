import { Refusal } from "../../base/errors.ts";
import type { Identity } from "../../identity/types.ts";

/** Entra leaves groups out above 200; Tremolo 94: one request must not cost the API server unbounded reviews. */
const MAX_GROUPS = 200;
const MAX_EXTRA_VALUES = 64;
/** Go's server takes 1 MiB of headers; the client's own come beside these. */
const MAX_BYTES = 65_536;

/**
 * The identity as the API server reads it (k8s.io/apiserver/pkg/endpoints/filters/impersonation): each group in a
 * header of its own, since a comma is part of a name; keys of extra in lower case and percent-encoded. Values
 * are UTF-8 in Latin-1 clothes, one character a byte, which is what undici and node:http write unchanged over
 * HTTP/1.1. Over h2, undici 8.12 joins repeated headers into one ("a, b" is then one group): keep `allowH2: false`.
 * Throws a Refusal `forbidden` where an identity cannot be said exactly, or claims a name of the cluster's own.
 */
export function impersonationHeaders(
  identity: Pick<Identity, "username" | "uid" | "groups" | "extra">,
): [name: string, value: string][] {
  const headers: [string, string][] = [];
  notTheClusters("username", identity.username);
  headers.push(["impersonate-user", headerValue("username", identity.username)]);
  if (identity.groups.length > MAX_GROUPS) refuse(`it has ${identity.groups.length} groups, more than ${MAX_GROUPS}`);
  for (const group of identity.groups) {
    notTheClusters("group", group);
    headers.push(["impersonate-group", headerValue("group", group)]);
  }
  if (identity.uid !== "") headers.push(["impersonate-uid", headerValue("uid", identity.uid)]);
  let extras = 0;
  for (const [key, values] of Object.entries(identity.extra)) {
    const name = `impersonate-extra-${encodeExtraKey(key)}`;
    for (const value of values) {
      if (++extras > MAX_EXTRA_VALUES) refuse(`it has more than ${MAX_EXTRA_VALUES} extra values`);
      headers.push([name, headerValue(`extra ${key}`, value, true)]);
    }
  }
  const bytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  if (bytes > MAX_BYTES) refuse(`its groups and extra take ${bytes} bytes of headers, more than ${MAX_BYTES}`);
  return headers;
}

/** `system:masters` never passes, not even where a prefix let it by (Pomerium reproxy); `system:` is the cluster's. */
function notTheClusters(what: string, value: string): void {
  if (value.startsWith("system:")) refuse(`its ${what} starts with "system:", which is the cluster's own`);
}

// Go's server trims blanks around a value, so " admin" would arrive as "admin": it is refused, not trimmed.
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 9110 §5.5 allows none of them in a field value
const UNSAFE = /[\u0000-\u001f\u007f]|^ | $/;

function headerValue(what: string, value: string, mayBeEmpty = false): string {
  if (value === "" && !mayBeEmpty) refuse(`its ${what} is empty`);
  if (UNSAFE.test(value)) refuse(`its ${what} holds a control character, or begins or ends with a blank`);
  if (!value.isWellFormed()) refuse(`its ${what} is not well-formed Unicode`);
  return isAscii(value) ? value : Buffer.from(value, "utf8").toString("latin1");
}

function isAscii(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0x7e) return false;
  return true;
}

/** RFC 9110 token characters less `%`, which the server reads as the start of an escape. */
const TOKEN = /^[a-z0-9!#$&'*+.^_`|~-]$/;

function encodeExtraKey(key: string): string {
  if (key === "") refuse("a key of its extra is empty");
  let encoded = "";
  for (const byte of Buffer.from(key.toLowerCase(), "utf8")) {
    const character = String.fromCharCode(byte);
    encoded += TOKEN.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return encoded;
}

function refuse(why: string): never {
  throw new Refusal("forbidden", `this identity cannot be passed to the cluster: ${why}`, {
    next: "Ask who runs the identity provider, or the operator of the gateway, to change the claim.",
    causes: [{ rule: "request/impersonation", message: why }],
  });
}
