import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import { grantsOf, rulesOf } from "../../kubernetes/role-rules.ts";
import type { Deps } from "../deps.ts";
import type { Classified } from "../exchange.ts";
import { ask } from "./ask.ts";

const FRESH_MS = 1_000;

/**
 * Puts into policy's question what a role, the role behind a binding, or the ClusterRoles that an aggregated one
 * collects, grant. The rules that stand in the object itself come first, in their order.
 */
export async function roleRules(exchange: Classified, object: KubernetesObject, deps: Deps): Promise<void> {
  const { resource, namespace } = exchange.input.request;
  const { rules, elsewhere } = grantsOf(object, { resource: resource.resource, namespace });
  const read = await Promise.all(elsewhere.map((target) => rolesAt(exchange, target, deps)));
  // The role that is filled in is not among those that it is filled from.
  const others = read.flat().filter((role) => resource.resource !== "clusterroles" || nameOf(role) !== nameOf(object));
  exchange.input.roleRules = [...rules, ...others.flatMap(rulesOf)];
}

function nameOf({ metadata }: KubernetesObject): unknown {
  return (metadata as { name?: unknown } | undefined)?.name;
}

/** The role, or the roles of the list, at this path, read as the gateway; none where there is none. */
function rolesAt(exchange: Classified, target: string, deps: Deps): Promise<KubernetesObject[]> {
  return exchange.connection.reader.read(`role/${target}`, FRESH_MS, async () => {
    const { status, json } = await ask(exchange, { purpose: "roleRules", method: "GET", target, as: "gateway" }, deps);
    if (status === 404) return [];
    if (status === 200) return Array.isArray(json.items) ? (json.items as KubernetesObject[]) : [json];
    throw new Refusal("outcome-unknown", `the roles that this grants could not be read (${status})`, {
      next: "The gateway's own account needs to get roles, and to get and list cluster roles: `sallyport connection check` says what it lacks.",
    });
  });
}
