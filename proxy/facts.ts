import type { KubernetesObject } from "../engine/input.ts";
import { podSpecs } from "../kubernetes/pod-specs.ts";
import type { Deps } from "./deps.ts";
import type { BodyRead, Classified } from "./exchange.ts";
import { roleRules } from "./gather/role-rules.ts";

/** Puts an object into policy's question, with what follows from it: its kind, name, pod templates and role rules. */
export async function judgeObject(
  exchange: Classified,
  object: KubernetesObject,
  needsRoleRules: boolean,
  deps: Deps,
): Promise<void> {
  const { input } = exchange;
  const { request } = input;
  input.object = object;
  input.podSpecs = podSpecs(object, { ...request.resource, subResource: request.subResource });
  if (typeof object.kind === "string") request.kind.kind = object.kind;
  const metadata = object.metadata as { name?: unknown } | undefined;
  if (request.name === "" && request.verb === "create" && typeof metadata?.name === "string")
    request.name = metadata.name;
  if (needsRoleRules) await roleRules(exchange, object, deps);
}

/** The object, or the fragment of a merge-like patch, as sent; undefined for a JSON patch and a delete. */
export function objectAsSent({ body }: BodyRead): KubernetesObject | undefined {
  if (body === null) return undefined;
  if (body.object !== null) return body.object;
  return body.patch !== null && body.patch.type !== "json" ? body.patch.fragment : undefined;
}

/** `metadata.resourceVersion`, where there is one that is a precondition ("0" is none). */
export function resourceVersionOf(object: KubernetesObject | null | undefined): string | undefined {
  const version = (object?.metadata as { resourceVersion?: unknown } | undefined)?.resourceVersion;
  return typeof version === "string" && version !== "" && version !== "0" ? version : undefined;
}
