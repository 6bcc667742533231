import type { IncomingHttpHeaders } from "node:http";
import type { KubernetesConnectionConfig } from "../base/config/gateway.ts";
import type { Identity } from "../identity/types.ts";
import { impersonationHeaders } from "./credentials/impersonation.ts";

/**
 * The request headers that a Kubernetes API reads from its clients. An allowlist, so that no header that an
 * API server, an aggregated API or a proxy between may come to trust is ever the client's (CVE-2021-31999,
 * CVE-2022-23652: a list of what to strip forgets one).
 */
const FORWARDED = [
  "accept",
  "accept-encoding",
  "accept-language",
  "cache-control",
  "content-type",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "kubectl-command",
  "kubectl-session",
  "traceparent",
  "tracestate",
  "user-agent",
] as const;

export interface UpstreamHeaderOptions {
  client: IncomingHttpHeaders;
  auditId: string;
  authorization: string | undefined;
  identity: Identity | undefined;
  config: KubernetesConnectionConfig;
  /** Replaces the client's; `null` sends none. */
  override?: Partial<Record<(typeof FORWARDED)[number], string | null>>;
}

/** Exactly our set, as a flat list of names and values. `identity` undefined means the gateway's own account. */
export function upstreamHeaders(options: UpstreamHeaderOptions): string[] {
  const { client, override = {}, identity, config } = options;
  const headers: string[] = ["audit-id", options.auditId];
  for (const name of FORWARDED) {
    const value = override[name] === undefined ? client[name] : override[name];
    if (typeof value === "string" && value !== "") headers.push(name, value);
  }
  if (options.authorization !== undefined) headers.push("authorization", options.authorization);
  if (identity !== undefined && config.impersonate) {
    for (const text of impersonation(identity)) headers.push(text);
  }
  return headers;
}

/** An identity is frozen, and the same object for as long as its token was not verified anew. */
const impersonations = new WeakMap<Identity, string[]>();

function impersonation(identity: Identity): string[] {
  let headers = impersonations.get(identity);
  if (headers === undefined) {
    headers = impersonationHeaders(identity).flat();
    impersonations.set(identity, headers);
  }
  return headers;
}

/** Those of one connection (RFC 9110 §7.6.1); over HTTP/2 each of them is an error (RFC 9113 §8.2.2). */
const HOP_BY_HOP = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What of an upstream's answer is passed on (RFC 9110 §7.6.1), with our Audit-Id whatever the upstream says. */
export function answerHeaders(
  upstream: IncomingHttpHeaders,
  auditId: string,
  warnings: readonly string[],
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const name in upstream) {
    const value = upstream[name];
    if (value !== undefined && !HOP_BY_HOP.has(name)) headers[name] = value;
  }
  headers["audit-id"] = auditId;
  if (warnings.length > 0) headers.warning = [...[headers.warning ?? []].flat(), ...warnings];
  return headers;
}
