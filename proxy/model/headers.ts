import type { IncomingHttpHeaders } from "node:http";
import type { ModelConnection } from "./connection.ts";

/**
 * What a provider reads from its clients. An allowlist: nothing that names the agent's machine or its session with the gateway
 * goes to the provider, and no key but the gateway's. Nor does `idempotency-key`: all sessions ask with one key, so that who says
 * another's would be answered with the other's reply.
 */
const FORWARDED = [
  "accept",
  "anthropic-beta",
  "anthropic-version",
  "content-type",
  "openai-beta",
  "user-agent",
] as const;

/** What of a client's headers goes to the provider, as a flat list of names and values. */
export function forwardedHeaders(client: IncomingHttpHeaders): string[] {
  return FORWARDED.flatMap((name) => {
    const value = client[name];
    return typeof value === "string" && value !== "" ? [name, value] : [];
  });
}

/** Exactly our set, as a flat list of names and values. What is looked into comes as it is, so no coding is accepted. */
export function providerHeaders(connection: ModelConnection, client: IncomingHttpHeaders, id: string): string[] {
  const headers = ["accept-encoding", "identity", "x-client-request-id", id, ...forwardedHeaders(client)];
  const key = connection.key();
  if (connection.kind === "anthropic") headers.push("x-api-key", key);
  else headers.push("authorization", `Bearer ${key}`);
  return headers;
}

/**
 * What of a provider's answer is the client's business: its limits, its request id, and whether to try again. Whose account the
 * gateway's key is of (`openai-organization`, `anthropic-organization-id`) is not.
 */
const ANSWERED = new RegExp(
  [
    "^(?:anthropic-(?:ratelimit|priority|fast)-|openai-(?:model|processing-ms|version)$|x-ratelimit-|request-id$|x-request-id$|",
    "retry-after(?:-ms)?$|x-should-retry$)",
  ].join(""),
);

/** Each name has one value: HTTP/2 takes no more of most, and Node throws. */
export function replyHeaders(upstream: IncomingHttpHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name in upstream) {
    const value = upstream[name];
    const [first] = Array.isArray(value) ? value : [value];
    if (first !== undefined && ANSWERED.test(name)) headers[name] = first;
  }
  const type = contentType(upstream["content-type"]);
  return type === undefined ? headers : { ...headers, "content-type": type };
}

/** As UTF-8, which is how what is passed was read: of another charset (UTF-7) clients would read other words in it. */
function contentType(type: string | undefined): string | undefined {
  if (type === undefined) return undefined;
  const [essence = ""] = String(type).toLowerCase().split(";", 1);
  const known = essence.trim();
  // RFC 8259 §11: JSON's type has no charset.
  if (known === "application/json") return known;
  return /^text\/[a-z0-9.+-]+$/.test(known) ? `${known}; charset=utf-8` : "application/octet-stream";
}
