import { rfc3339 } from "../../base/clock.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { deleteOptions } from "../../kubernetes/body/options.ts";
import type { RequestAttributes } from "../../kubernetes/types.ts";
import type { Deps } from "../deps.ts";
import type { Classified, Identified } from "../exchange.ts";
import { isStreamed, upgradeOf } from "../tunnel/upgrade.ts";

/** Says what is asked, as the API server will understand it, and writes down policy's question. */
export function classify(exchange: Identified, deps: Deps): Classified {
  const { req } = exchange;
  const attributes = requestAttributes(req.method ?? "GET", exchange.target, req.headers);
  const input = policyInput(exchange, attributes, deps);
  if (exchange.client === undefined) {
    // Without `Connection: Upgrade` an exec upgrades nothing, and the API server says so.
    if (req.headers.upgrade !== undefined && !isStreamed(attributes)) upgradeOf(req, attributes);
    return Object.assign(exchange, { attributes, input });
  }
  return Object.assign(exchange, { attributes, input, upgrade: upgradeOf(req, attributes) });
}

function policyInput(exchange: Identified, attributes: RequestAttributes, deps: Deps): PolicyInput {
  const { identity, session, connection } = exchange;
  const input: PolicyInput = {
    now: rfc3339(deps.clock.now()),
    session: {
      id: session.id,
      startedAt: rfc3339(session.startedAt),
      agent: session.agent,
      reason: session.reason,
      owner: session.owner,
    },
    user: {
      issuer: identity.issuer,
      username: identity.username,
      uid: identity.uid,
      groups: identity.groups,
      roles: identity.roles,
      extra: identity.extra,
    },
    connection: { name: connection.name, kind: "kubernetes", labels: connection.labels },
    request: {
      uid: exchange.id,
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
      userAgent: (exchange.req.headers["user-agent"] ?? "").slice(0, 512),
      sourceIP: exchange.sourceIP,
      digest: "",
    },
    exceptions: [],
  };
  if (attributes.exec !== undefined) input.exec = attributes.exec;
  return input;
}
