import { rfc3339 } from "../base/clock.ts";
import type { PolicyInput, SessionInfo, UserInfo } from "../engine/input.ts";
import type { Identity, Session } from "../identity/types.ts";
import { requestAttributes } from "../kubernetes/attributes.ts";
import { deleteOptions } from "../kubernetes/body/options.ts";
import type { RequestAttributes } from "../kubernetes/types.ts";
import type { Connection } from "./connection.ts";
import type { HttpRequest } from "./http.ts";
import { isStreamed, type Upgrade, upgradeOf } from "./tunnel/upgrade.ts";

/** What of a request policy's question is made of, whether it came by a connection or was written down. */
export interface Asking {
  readonly id: string;
  readonly req: Pick<HttpRequest, "method" | "headers">;
  /** Path and query below /connections/{name}. */
  readonly target: string;
  readonly sourceIP: string;
  readonly connection: Pick<Connection, "name" | "labels">;
  readonly identity: Identity;
  readonly session: Pick<Session, "id" | "startedAt" | "agent" | "reason" | "owner">;
}

export interface Question {
  attributes: RequestAttributes;
  input: PolicyInput;
  /** What the client asks to switch to. */
  upgrade?: Upgrade;
}

/**
 * What is asked, as the API server will understand it, and policy's question about it. `upgrades`: the client wants
 * the connection to switch protocols. `now` in milliseconds since the epoch. Throws the Refusals of classification.
 */
export function questionOf(asking: Asking, upgrades: boolean, now: number): Question {
  const { req } = asking;
  const attributes = requestAttributes(req.method ?? "GET", asking.target, req.headers);
  const input = policyInput(asking, attributes, now);
  if (upgrades) return { attributes, input, upgrade: upgradeOf(req, attributes) };
  // Without `Connection: Upgrade` an exec upgrades nothing, and the API server says so.
  if (req.headers.upgrade !== undefined && !isStreamed(attributes)) upgradeOf(req, attributes);
  return { attributes, input };
}

function policyInput(asking: Asking, attributes: RequestAttributes, now: number): PolicyInput {
  const { identity, session, connection } = asking;
  const input: PolicyInput = {
    now: rfc3339(now),
    session: sessionInfo(session),
    user: userInfo(identity),
    connection: { name: connection.name, kind: "kubernetes", labels: connection.labels },
    request: {
      uid: asking.id,
      verb: attributes.verb,
      operation: attributes.operation,
      path: attributes.path,
      query: attributes.query,
      nonResource: attributes.nonResource,
      kind: { group: attributes.group, version: attributes.version, kind: "" },
      resource: { group: attributes.group, version: attributes.version, resource: attributes.resource },
      // Rules name a subresource: the deprecated prefix /api/v1/proxy/ is the same deed by another path.
      subResource: attributes.verb === "proxy" ? "proxy" : attributes.subResource,
      namespace: attributes.namespace,
      name: attributes.name,
      fieldSelector: attributes.fieldSelector,
      labelSelector: attributes.labelSelector,
      dryRun: attributes.dryRun,
      // Of the query; a delete's body, once it is read, replaces them.
      options: deleteOptions(attributes, null),
      patchType: attributes.patchType,
      contentType: attributes.contentType,
      userAgent: (asking.req.headers["user-agent"] ?? "").slice(0, 512),
      sourceIP: asking.sourceIP,
      digest: "",
    },
    exceptions: [],
  };
  if (attributes.exec !== undefined) input.exec = attributes.exec;
  return input;
}

/** The session as policy sees it; what else is known of it is not policy's. */
export function sessionInfo({ id, startedAt, agent, reason, owner }: Asking["session"]): SessionInfo {
  return { id, startedAt: rfc3339(startedAt), agent, reason, owner };
}

/** The caller as policy sees them. */
export function userInfo({ issuer, username, uid, groups, roles, extra }: Identity): UserInfo {
  return { issuer, username, uid, groups, roles, extra };
}
