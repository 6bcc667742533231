import { Refusal } from "../../base/errors.ts";
import type { Decision, Need, Policy } from "../../engine/decision.ts";
import type { KubernetesObject, PolicyInput } from "../../engine/input.ts";
import { applyPatch } from "../../kubernetes/apply-patch.ts";
import type { DecodedBody } from "../../kubernetes/body/decode.ts";
import { grantsOf } from "../../kubernetes/role-rules.ts";
import type { RequestAttributes } from "../../kubernetes/types.ts";
import { isFinalDeny } from "../deny.ts";
import { objectAsSent, takeObject } from "../facts.ts";
import { noDryRun, outcomeUnknown } from "../gather/outcome.ts";
import { isFragment, knownAsSent, wanted } from "../steps/gather.ts";
import type { ExplainRequest } from "./request.ts";

/** What is known when the step `gather` begins. */
export interface Asked {
  attributes: RequestAttributes;
  input: PolicyInput;
  body: DecodedBody | null;
  needs: ReadonlySet<Need>;
  /** By metadata alone. */
  verdict: Decision;
  request: ExplainRequest;
  policy: Policy;
  /** Throws where the gateway refuses the write for what it is not shown. */
  masked(decision: Decision): void;
}

/**
 * The step `gather` with the facts that a request brings: puts them into policy's question, and answers the deny of
 * the body as sent where there is one. Throws Refusal `outcome-unknown` where a fact that a rule needs is missing.
 */
export async function takeFacts(asked: Asked): Promise<Decision | undefined> {
  const { attributes, input, needs, request, verdict, policy } = asked;
  const { operation } = attributes;
  if (operation === "CONNECT") {
    if (request.target !== undefined) input.target = request.target;
    return undefined;
  }
  const held = verdict.effect === "hold";
  if (operation === "" || (needs.size === 0 && !held && operation !== "DELETE")) return undefined;
  const sent = objectAsSent(asked);
  if (sent !== undefined) takeWritten(asked, sent);
  const fragment = isFragment(asked);
  const asSent = fragment ? verdict : await policy.decide(input);
  if (!fragment && isFinalDeny(asSent, policy, knownAsSent(input, attributes))) return asSent;
  asked.masked(asSent);
  const { stored, outcome } = wanted(asked, held || asSent.effect === "hold");
  if (stored || outcome) takeStored(asked);
  let would = outcome;
  if (stored && !outcome && operation !== "DELETE") {
    const known = await policy.decide(input);
    if (isFinalDeny(known, policy, knownAsSent(input, attributes))) return known;
    would = known.effect === "hold";
  }
  if (would) takeOutcome(asked);
  return undefined;
}

function takeWritten(asked: Asked, object: KubernetesObject): void {
  takeObject(asked.input, object);
  takeRoleRules(asked, object);
}

const missing = (fact: string, decision: Decision): Refusal => {
  const message = `a rule that may apply needs ${fact}, which the request does not bring`;
  return new Refusal("outcome-unknown", message, {
    decisionId: decision.decisionId,
    causes: [{ rule: "request/fact-missing", message }],
  });
};

/** Throws where a rule or a scope goes by the labels of the namespace, and the request does not bring them. */
export function requireLabels({ needs, input, verdict }: Pick<Asked, "needs" | "input" | "verdict">): void {
  const needed = needs.has("namespaceLabels") && input.request.namespace !== "";
  if (needed && input.namespaceLabels === undefined) throw missing("namespaceLabels", verdict);
}

/** What a role grants stands in it; what a binding or an aggregation grants stands in others, which the request has to bring. */
function takeRoleRules({ needs, input, request, verdict }: Asked, object: KubernetesObject): void {
  if (!needs.has("roleRules")) return;
  const { resource, namespace } = input.request;
  const { rules, elsewhere } = grantsOf(object, { resource: resource.resource, namespace });
  if (elsewhere.length > 0 && request.roleRules === undefined) throw missing("roleRules", verdict);
  input.roleRules = [...rules, ...(elsewhere.length > 0 ? (request.roleRules ?? []) : [])];
}

/**
 * What is stored. A create has nothing before it, and a PUT whose request brings nothing is one that creates; a
 * delete has to say what goes where a rule needs it.
 */
function takeStored({ attributes, input, needs, request, verdict }: Asked): void {
  if (attributes.operation === "DELETE") {
    const needed = needs.has("oldObject") || needs.has("object");
    if (request.oldObject === undefined && needed) throw missing("oldObject", verdict);
    if (request.oldObject !== undefined) input.oldObject = request.oldObject;
    return;
  }
  if (attributes.verb === "create" && attributes.subResource === "") input.oldObject = null;
  else if (request.oldObject !== undefined) input.oldObject = request.oldObject;
  else if (attributes.verb === "update") input.oldObject = null;
}

/** What would be stored: the body as sent is, where the request is no patch of an object that it brings. */
function takeOutcome(asked: Asked): void {
  const { attributes, body, needs, request, verdict } = asked;
  const never = noDryRun(attributes);
  if (never !== undefined) {
    if (needs.has("outcome")) throw outcomeUnknown(never, verdict.decisionId);
    return;
  }
  if (body?.patch == null) return;
  if (request.oldObject != null) takeWritten(asked, applyPatch(request.oldObject, body.patch));
  else if (body.patch.type === "json" && (needs.has("object") || needs.has("oldObject") || needs.has("outcome")))
    throw outcomeUnknown("a JSON patch says nothing without the object that it changes", verdict.decisionId);
}
