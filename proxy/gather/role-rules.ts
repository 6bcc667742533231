import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import { rolePath, roleRefOf, roleRules as rulesOf } from "../../kubernetes/role-rules.ts";
import type { Deps } from "../deps.ts";
import type { Classified } from "../exchange.ts";
import { ask } from "./ask.ts";

const FRESH_MS = 1_000;

/** Puts into policy's question what a role, or the role behind a binding, grants. */
export async function roleRules(exchange: Classified, object: KubernetesObject, deps: Deps): Promise<void> {
  const reference = roleRefOf(object, exchange.input.request.namespace);
  if (reference === undefined) {
    exchange.input.roleRules = rulesOf(object);
    return;
  }
  const target = rolePath(reference);
  exchange.input.roleRules = await exchange.connection.reader.read(`role/${target}`, FRESH_MS, async () => {
    const { status, json } = await ask(exchange, { purpose: "roleRules", method: "GET", target, as: "gateway" }, deps);
    if (status === 404) return [];
    if (status !== 200) {
      throw new Refusal("outcome-unknown", `the role ${reference.name} could not be read (${status})`, {
        next: "The gateway's own account needs to get roles: `sallyport connection check` says what it lacks.",
      });
    }
    return rulesOf(json);
  });
}
