import { randomBytes } from "node:crypto";
import type { KubernetesObject, PolicyInput, UserInfo } from "../../engine/input.ts";
import type { DoorRequest } from "../listener/door.ts";
import type { Asking } from "../question.ts";

/**
 * A request that was written down, with the facts that a gateway would gather for it (contracts §7,
 * `policy explain --batch`).
 */
export interface ExplainRequest {
  method: string;
  /** Path and query below /connections/{name}. */
  path: string;
  /** Names in any case. */
  headers?: Record<string, string>;
  /** Before that of `headers`. */
  contentType?: string;
  body?: Uint8Array;
  /** What is stored; null where it is known that nothing is. For a deletecollection the list of what goes. */
  oldObject?: KubernetesObject | null;
  namespaceLabels?: Record<string, string>;
  /** What the role of a binding grants. */
  roleRules?: KubernetesObject[];
  /** Absent: somebody without a name and without groups. */
  user?: Partial<UserInfo>;
  connection?: { name?: string; labels?: Record<string, string> };
  exceptions?: PolicyInput["exceptions"];
  /** Of the model's side, where a prompt led to the request. */
  dialogue?: PolicyInput["dialogue"];
  /** Asks for an upgrade, with the headers that kubectl sends. */
  protocol?: "websocket" | "spdy";
  /** The pod of an exec, attach or port-forward. */
  target?: NonNullable<PolicyInput["target"]>;
}

/** The request as it would come in by HTTP/1.1, for the same checks. */
export function askingOf(request: ExplainRequest, now: number): Asking & { req: DoorRequest; upgrades: boolean } {
  const headers = lowerCase({ ...request.headers, ...handshake(request) });
  if (request.contentType !== undefined) headers["content-type"] = request.contentType;
  const { user = {} } = request;
  const identity = {
    issuer: "",
    username: "",
    uid: "",
    groups: [],
    roles: [],
    extra: {},
    ...user,
    audience: "data" as const,
    hasActor: false,
    expiresAt: now,
  };
  return {
    id: "explain",
    req: {
      method: request.method,
      httpVersionMajor: 1,
      headers,
      rawHeaders: Object.entries(headers).flat(),
    },
    target: request.path,
    sourceIP: "",
    connection: { name: request.connection?.name ?? "", labels: request.connection?.labels ?? {} },
    identity,
    session: {
      id: "explain",
      startedAt: now,
      agent: "",
      reason: "",
      owner: { issuer: identity.issuer, username: identity.username },
    },
    // As Node tells an upgrade: by both headers.
    upgrades: headers.upgrade !== undefined && /(^|,)\s*upgrade\s*(,|$)/i.test(headers.connection ?? ""),
  };
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** What kubectl sends (kubectl 1.31 and newer by WebSocket, older ones by SPDY). */
function handshake({ protocol, path }: ExplainRequest): Record<string, string> {
  if (protocol === undefined) return {};
  const forward = /\/portforward(?:[/?]|$)/.test(path);
  if (protocol === "spdy") {
    const version = forward ? "portforward.k8s.io" : "v4.channel.k8s.io";
    return { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": version };
  }
  return {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
    "sec-websocket-protocol": forward ? "SPDY/3.1+portforward.k8s.io" : "v5.channel.k8s.io",
  };
}
