import type { KubernetesConnectionConfig } from "../../base/config/gateway.ts";
import type { ResourceAttributes } from "./probe.ts";

export interface Need {
  what: string;
  /** What goes wrong without it. */
  why: string;
  ask: ResourceAttributes;
  optional?: boolean;
}

const AUTHENTICATION = "authentication.k8s.io";
const RBAC = "rbac.authorization.k8s.io";

/**
 * What an account needs: `gateway` is the gateway's own, `agents` the one that carries agents' requests (the
 * same, unless tokens are minted for each session). `connection add` prints RBAC that grants exactly this.
 */
export function needsOf(config: KubernetesConnectionConfig, account: "gateway" | "agents"): Need[] {
  return account === "gateway" ? gatewayNeeds(config) : config.impersonate ? IMPERSONATION : [];
}

function gatewayNeeds({ credential }: KubernetesConnectionConfig): Need[] {
  const needs: Need[] = [
    need("get namespaces", "rules and scopes that read a namespace's labels refuse", {
      verb: "get",
      resource: "namespaces",
    }),
    need("get roles", "bindings to a role are refused, for what they grant is unknown", {
      verb: "get",
      group: RBAC,
      resource: "roles",
    }),
    need("get clusterroles", "bindings to a cluster role are refused, for what they grant is unknown", {
      verb: "get",
      group: RBAC,
      resource: "clusterroles",
    }),
    need("list clusterroles", "aggregated cluster roles are refused, for what they collect is unknown", {
      verb: "list",
      group: RBAC,
      resource: "clusterroles",
    }),
    need("get apiservices", "writes to groups that are not built in are refused where a rule needs their outcome", {
      verb: "get",
      group: "apiregistration.k8s.io",
      resource: "apiservices",
    }),
    {
      ...need("get secrets", "logs and terminals of pods that consume a Secret are refused where no Role grants it", {
        verb: "get",
        resource: "secrets",
      }),
      // It may be granted by Roles, in the namespaces whose pods agents may look into.
      optional: true,
    },
  ];
  if (!("tokenRequest" in credential)) return needs;
  const { namespace, serviceAccount } = credential.tokenRequest;
  needs.push(
    need(`create serviceaccounts/token of ${serviceAccount} in ${namespace}`, "no session gets a token", {
      verb: "create",
      resource: "serviceaccounts",
      subresource: "token",
      name: serviceAccount,
      namespace,
    }),
  );
  for (const verb of ["create", "delete"]) {
    const why = "tokens are not bound to a Secret, and outlive a killed session until they expire";
    needs.push({
      ...need(`${verb} secrets in ${namespace}`, why, { verb, resource: "secrets", namespace }),
      optional: true,
    });
  }
  needs.push({
    ...need(`deletecollection secrets in ${namespace}`, "empty Secrets that a killed gateway left stay", {
      verb: "deletecollection",
      resource: "secrets",
      namespace,
    }),
    optional: true,
  });
  return needs;
}

const IMPERSONATION: Need[] = [
  need("impersonate users", "every agent's request is a 403", { verb: "impersonate", resource: "users" }),
  need("impersonate groups", "every request of an agent with groups is a 403", {
    verb: "impersonate",
    resource: "groups",
  }),
  need("impersonate uids", "every request of an agent with a uid is a 403", {
    verb: "impersonate",
    group: AUTHENTICATION,
    resource: "uids",
  }),
];

/** Rights that no gateway needs: whoever steals its credential has them. */
export function tooMuch(config: KubernetesConnectionConfig): Need[] {
  const list = [
    need("cluster-admin", "it may do everything; grant what `sallyport connection add` prints", {
      verb: "*",
      group: "*",
      resource: "*",
    }),
    need("list secrets", "it may read every Secret of the cluster in its own name", {
      verb: "list",
      resource: "secrets",
    }),
    need("create pods", "it may start pods anywhere in its own name", { verb: "create", resource: "pods" }),
  ];
  if (config.impersonate) {
    list.push(
      need("impersonate group system:masters", "name your agents' groups: `sallyport connection add --group …`", {
        verb: "impersonate",
        resource: "groups",
        name: "system:masters",
      }),
    );
  }
  return list;
}

function need(what: string, why: string, ask: ResourceAttributes): Need {
  return { what, why, ask };
}
