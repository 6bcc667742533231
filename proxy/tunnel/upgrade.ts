import { Refusal } from "../../base/errors.ts";
import { tunnelProtocol } from "../../kubernetes/channels/protocols.ts";
import type { RequestAttributes } from "../../kubernetes/types.ts";
import type { HttpRequest } from "../http.ts";
import type { UpstreamResponse } from "../upstream.ts";

type Subresource = "exec" | "attach" | "portforward";

/** An upgrade that a client asked for, and that may be asked of the API server. */
export interface Upgrade {
  protocol: "SPDY/3.1" | "websocket";
  subresource: Subresource;
  /** The client's, in its order, less those that the gateway cannot read. */
  subprotocols: string[];
  /** What goes upstream beside our own set, as a flat list of names and values. */
  headers: string[];
}

/** Sixteen bytes in base64 (RFC 6455 §4.1). */
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Whether this is one of the three subresources of pods that stream both ways. */
export function isStreamed({ group, version, resource, subResource, operation, verb }: RequestAttributes): boolean {
  const proxied = verb !== "get" && verb !== "create";
  if (group !== "" || version !== "v1" || resource !== "pods" || operation !== "CONNECT" || proxied) return false;
  return subResource === "exec" || subResource === "attach" || subResource === "portforward";
}

/**
 * The one place that says what may upgrade. A WebSocket upgrade on a watch would stream Secrets past the mask
 * (wire-pitfalls, WebSocket watch), and a connection that switches to what nobody here can read is a way around
 * every rule (CVE-2018-1002105). Throws Refusal `upgrade-refused`, and `bad-request` for a handshake that is none.
 */
export function upgradeOf(req: Pick<HttpRequest, "headers">, attributes: RequestAttributes): Upgrade {
  const { headers } = req;
  if (!isStreamed(attributes)) {
    throw refused("only exec, attach and port-forward may upgrade the connection", "Ask again without Upgrade.");
  }
  const asked = (headers.upgrade ?? "").toLowerCase();
  const protocol = asked === "websocket" ? "websocket" : asked === "spdy/3.1" ? "SPDY/3.1" : undefined;
  if (protocol === undefined) {
    throw refused("a connection may upgrade to websocket and SPDY/3.1 only", "Use kubectl, or client-go.");
  }
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0) {
    // Node takes what follows the head for the tunnel's, Go for the body.
    throw new Refusal("bad-request", "a request that upgrades the connection has no body");
  }
  const subresource = attributes.subResource as Subresource;
  const offered = listOf(headers[protocol === "websocket" ? "sec-websocket-protocol" : "x-stream-protocol-version"]);
  const { query } = attributes;
  // Who offers none means the first version of all.
  const subprotocols = (offered.length === 0 ? [""] : offered).filter(
    (subprotocol) => tunnelProtocol({ protocol, subprotocol, subresource, query }) !== undefined,
  );
  if (subprotocols.length === 0) {
    const names = offered.slice(0, 10).join(", ") || "none was offered";
    throw refused(`none of the offered subprotocols is carried here (${names})`, "Use a kubectl of 1.27 or newer.");
  }
  return { protocol, subresource, subprotocols, headers: handshake(req, protocol, subprotocols) };
}

function refused(message: string, next: string): Refusal {
  return new Refusal("upgrade-refused", message, { next });
}

function listOf(value: string | string[] | undefined): string[] {
  return [value ?? []]
    .flat()
    .flatMap((one) => one.split(","))
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

/** Extensions (compression) are never asked for: a parser on the side would read noise. */
function handshake(
  { headers }: Pick<HttpRequest, "headers">,
  protocol: Upgrade["protocol"],
  subprotocols: string[],
): string[] {
  const named = subprotocols.filter((one) => one !== "");
  if (protocol === "SPDY/3.1") return named.flatMap((one) => ["x-stream-protocol-version", one]);
  const key = headers["sec-websocket-key"] ?? "";
  if (!WEBSOCKET_KEY.test(key) || headers["sec-websocket-version"] !== "13") {
    throw new Refusal("bad-request", "the WebSocket handshake lacks a key, or is not of version 13 (RFC 6455 §4.1)");
  }
  const answered = ["sec-websocket-key", key, "sec-websocket-version", "13"];
  return named.length === 0 ? answered : [...answered, "sec-websocket-protocol", named.join(", ")];
}

/**
 * What the API server chose of what it was offered. A 101 that names anything else is a lie, and nothing of the
 * connection goes on: throws Refusal `upstream-unreachable`.
 */
export function chosenSubprotocol({ headers }: UpstreamResponse, { protocol, subprotocols }: Upgrade): string {
  const { upgrade } = headers;
  const chosen = text(headers[protocol === "websocket" ? "sec-websocket-protocol" : "x-stream-protocol-version"]);
  // An API server of before the negotiation speaks the first version, and says nothing.
  const first = chosen === "" && protocol === "SPDY/3.1" && subprotocols.includes("channel.k8s.io");
  const asked = first || subprotocols.includes(chosen);
  const same = (upgrade ?? "").toLowerCase() === protocol.toLowerCase();
  if (!same || !asked || headers["sec-websocket-extensions"] !== undefined) {
    throw new Refusal("upstream-unreachable", "the API server switched to a protocol that it was not asked for", {
      next: "Tell the operator of the gateway.",
    });
  }
  return chosen;
}

function text(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(", ") : (value ?? "");
}

/** What of a 101 the client reads; everything else about the connection is the gateway's own. */
export function switchingHeaders(
  { headers }: UpstreamResponse,
  protocol: Upgrade["protocol"],
  { id, warnings }: { id: string; warnings: readonly string[] },
): Record<string, string | string[]> {
  const answer: Record<string, string | string[]> = { connection: "Upgrade", upgrade: protocol, "audit-id": id };
  const names =
    protocol === "websocket" ? ["sec-websocket-accept", "sec-websocket-protocol"] : ["x-stream-protocol-version"];
  for (const name of names) {
    const value = text(headers[name]);
    if (value !== "") answer[name] = value;
  }
  if (warnings.length > 0) answer.warning = [...warnings];
  return answer;
}
