import { refuseDenied } from "../deny.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead, Facts, Gathered } from "../exchange.ts";
import { judgeObject, objectAsSent, resourceVersionOf } from "../facts.ts";
import { oldObject } from "../gather/old-object.ts";
import { outcome } from "../gather/outcome.ts";
import { target } from "../gather/target.ts";

/**
 * Fetches what the rules that may apply declare, and no more, judging as it goes: the body as sent before what is
 * stored, and the outcome only where nothing denied yet. A request that will be held is gathered whole, since an
 * approver is shown what it changes, and since what RBAC would refuse must not bother a human.
 */
export async function gather(exchange: BodyRead, deps: Deps): Promise<Gathered> {
  const { needs, input, policy, attributes } = exchange;
  const facts: Facts = {};
  const gathered = Object.assign(exchange, { facts });
  const held = exchange.verdict.effect === "hold";
  if (needs.size === 0 && !held && attributes.operation !== "DELETE") return gathered;

  if (attributes.operation === "CONNECT") {
    if (held || needs.has("object")) await target(exchange, deps);
    return gathered;
  }
  if (attributes.operation === "") return gathered;

  const whole = attributes.verb === "create" || attributes.verb === "update";
  const sent = objectAsSent(exchange);
  if (sent !== undefined) await judgeObject(exchange, sent, needs.has("roleRules"), deps);
  let verdict = await policy.decide(input);
  refuseDenied(verdict, { final: false });

  const isHeld = (): boolean => verdict.effect === "hold" || held;
  const needsOld = needs.has("oldObject") || needs.has("outcome") || isHeld() || (!whole && needs.has("object"));
  const mayExist = input.request.name !== "" || attributes.verb === "deletecollection";
  if (needsOld && mayExist) {
    if (attributes.operation !== "DELETE") await lockUpsert(exchange, deps);
    facts.oldObject = await oldObject(exchange, deps);
    facts.resourceVersion = resourceVersionOf(facts.oldObject);
    input.oldObject = facts.oldObject;
    verdict = await policy.decide(input);
    refuseDenied(verdict, { final: false });
  } else if (needsOld) {
    facts.oldObject = null;
    input.oldObject = null;
  }

  const needsOutcome = needs.has("outcome") || isHeld() || (attributes.verb === "patch" && needs.has("object"));
  if (needsOutcome && attributes.operation !== "DELETE") {
    facts.outcome = await outcome(exchange, deps);
    await judgeObject(exchange, facts.outcome, needs.has("roleRules"), deps);
  }
  return gathered;
}

/** An upsert of what does not exist yet can carry no precondition, so its object has one writer at a time. */
async function lockUpsert(exchange: BodyRead, deps: Deps): Promise<void> {
  const { attributes, connection, input } = exchange;
  if (attributes.verb !== "update" && attributes.patchType !== "apply") return;
  exchange.unlock?.();
  const key = [
    connection.name,
    attributes.group,
    attributes.resource,
    input.request.namespace,
    input.request.name,
  ].join("/");
  exchange.unlock = await deps.objectLocks.acquire(key);
}
