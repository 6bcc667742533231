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

/** What of a provider's answer is the client's business: its limits, its request id, and whether to try again. */
const ANSWERED =
  /^(?:anthropic-|openai-|x-ratelimit-|request-id$|x-request-id$|retry-after|x-should-retry$|content-type$)/;

export function replyHeaders(upstream: IncomingHttpHeaders): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const name in upstream) {
    const value = upstream[name];
    if (value !== undefined && ANSWERED.test(name)) headers[name] = value;
  }
  return headers;
}
