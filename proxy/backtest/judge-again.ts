import type { Decision, Need, Policy } from "../../engine/decision.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { podSpecs } from "../../kubernetes/pod-specs.ts";
import { isFinalDeny } from "../deny.ts";
import type { RecordedDecision, RecordedFacts } from "./recorded.ts";

/** What a policy says to a recorded question, or which fact it would need that is not on record. */
export type Judged = { decision: Decision } | { missing: string };

/**
 * Asks a policy a recorded question, stage by stage as the data path does. What it needs and is not on record is
 * named, and never guessed.
 */
export function judgeAgain(recorded: RecordedDecision, policy: Policy): Judged | Promise<Judged> {
  const { input, facts } = recorded;
  if (input === undefined)
    return { missing: "the question itself (policy records nothing of it, or an older version did not)" };
  const needs = policy.needs(input);
  if (needs.size === 0) return then(policy.decide(input), (decision) => ({ decision }));
  return then(policy.decide(input), (verdict): Judged | Promise<Judged> => {
    const labels = input.namespaceLabels !== undefined || input.request.namespace === "";
    if (isFinalDeny(verdict, policy, new Set<Need>(labels ? ["namespaceLabels"] : []))) return { decision: verdict };
    if (needs.has("namespaceLabels") && !labels) return { missing: "the labels of the namespace" };
    const missing = missingOf(input, needs, facts);
    if (missing !== undefined) return { missing };
    if (facts === undefined) return { decision: verdict };
    return then(policy.decide(withFacts(input, facts)), (decision) => ({ decision }));
  });
}

function then<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function missingOf(
  { request, target }: PolicyInput,
  needs: ReadonlySet<Need>,
  facts: RecordedFacts | undefined,
): string | undefined {
  const { operation, verb, resource } = request;
  if (operation === "") return undefined;
  if (operation === "CONNECT") {
    return needs.has("object") && target === undefined && resource.resource === "pods" ? "the pod" : undefined;
  }
  const object = operation !== "DELETE" && (needs.has("object") || needs.has("outcome"));
  const oldObject = needs.has("oldObject") || (operation === "DELETE" && needs.has("object"));
  const stored = oldObject && !(verb === "create" && request.subResource === "");
  if (!object && !stored && !needs.has("roleRules")) return undefined;
  if (facts === undefined) return "the objects (recorded at a level that keeps no bodies)";
  if (facts.masked.length > 0) return "the objects as they were (values of them are masked in the record)";
  if (object && facts.object === undefined) return "the object";
  if (stored && facts.oldObject === undefined) return "the stored object";
  return needs.has("roleRules") && facts.roleRules === undefined ? "what the role grants" : undefined;
}

function withFacts(input: PolicyInput, { object, oldObject, sent, roleRules }: RecordedFacts): PolicyInput {
  const { resource, subResource } = input.request;
  return {
    ...input,
    ...(object === undefined ? {} : { object }),
    ...(oldObject === undefined ? {} : { oldObject }),
    ...(sent === undefined ? {} : { sent }),
    ...(roleRules === undefined ? {} : { roleRules }),
    ...(object == null ? {} : { podSpecs: podSpecs(object, { ...resource, subResource }) }),
  };
}
