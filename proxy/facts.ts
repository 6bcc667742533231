import type { KubernetesObject, PolicyInput } from "../engine/input.ts";
import type { DecodedBody } from "../kubernetes/body/decode.ts";
import { podSpecs } from "../kubernetes/pod-specs.ts";
import type { Deps } from "./deps.ts";
import type { Classified } from "./exchange.ts";
import { roleRules } from "./gather/role-rules.ts";

/** Puts an object into policy's question, with what follows from it: its kind, name, pod templates and role rules. */
export async function judgeObject(
  exchange: Classified,
  object: KubernetesObject,
  needsRoleRules: boolean,
  deps: Deps,
): Promise<void> {
  takeObject(exchange.input, object);
  if (needsRoleRules) await roleRules(exchange, object, deps);
}

/** As judgeObject, without what has to be read elsewhere. */
export function takeObject(input: PolicyInput, object: KubernetesObject): void {
  const { request } = input;
  input.object = object;
  input.podSpecs = podSpecs(object, { ...request.resource, subResource: request.subResource });
  if (typeof object.kind === "string") request.kind.kind = object.kind;
  const metadata = object.metadata as { name?: unknown } | undefined;
  if (request.name === "" && request.verb === "create" && typeof metadata?.name === "string")
    request.name = metadata.name;
}

/** The object, or the fragment of a merge-like patch, as sent; undefined for a JSON patch and a delete. */
export function objectAsSent({ body }: { body: DecodedBody | null }): KubernetesObject | undefined {
  if (body === null) return undefined;
  if (body.object !== null) return body.object;
  return body.patch !== null && body.patch.type !== "json" ? body.patch.fragment : undefined;
}

/** `metadata.resourceVersion`, where there is one that is a precondition ("0" is none). */
export function resourceVersionOf(object: KubernetesObject | null | undefined): string | undefined {
  const version = (object?.metadata as { resourceVersion?: unknown } | undefined)?.resourceVersion;
  return typeof version === "string" && version !== "" && version !== "0" ? version : undefined;
}
