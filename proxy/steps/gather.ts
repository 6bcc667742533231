import { Refusal } from "../../base/errors.ts";
import type { Decision, Need } from "../../engine/decision.ts";
import type { KubernetesObject, PolicyInput } from "../../engine/input.ts";
import { refuseIncomplete } from "../../engine/mask/redact-stream.ts";
import type { RequestAttributes } from "../../kubernetes/types.ts";
import { isLog } from "../answer/redact-log.ts";
import { maskerOf, refuseUnmaskableWrite } from "../answer/unmaskable-write.ts";
import { refuseDenied } from "../deny.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead, Facts, Gathered } from "../exchange.ts";
import { judgeObject, objectAsSent, resourceVersionOf } from "../facts.ts";
import { oldObject } from "../gather/old-object.ts";
import { noDryRun, outcome } from "../gather/outcome.ts";
import { podSecrets } from "../gather/pod-secrets.ts";
import { target } from "../gather/target.ts";

/**
 * Fetches what the rules that may apply declare, and no more, judging as it goes: the body as sent before what is
 * stored, and the outcome only where nothing denied yet. A request that will be held is gathered whole, since an
 * approver is shown what it changes, and since what RBAC would refuse must not bother a human.
 */
export function gather(exchange: BodyRead, deps: Deps): Gathered | Promise<Gathered> {
  const { needs, attributes, verdict } = exchange;
  const gathered = Object.assign(exchange, { facts: {} });
  const held = verdict.effect === "hold";
  if (isLog(gathered)) return podSecrets(gathered, deps).then(() => gathered);
  if (isTerminal(gathered)) return gatherTerminal(gathered, held, deps);
  if (attributes.operation === "" || (needs.size === 0 && !held && attributes.operation !== "DELETE")) return gathered;
  return gatherFacts(gathered, held, deps);
}

/** Whether what a pod's programs write will go to the client, frame by frame. */
function isTerminal({ upgrade }: BodyRead): boolean {
  return upgrade !== undefined && upgrade.subresource !== "portforward";
}

/** An exec or attach: its pod, and what must be kept out of its output, before anything runs. */
async function gatherTerminal(exchange: Gathered, held: boolean, deps: Deps): Promise<Gathered> {
  if (held || exchange.needs.has("object")) await target(exchange, deps);
  await podSecrets(exchange, deps);
  refuseIncomplete(deps.knownValues.of(exchange.session.id));
  return exchange;
}

async function gatherFacts(exchange: Gathered, held: boolean, deps: Deps): Promise<Gathered> {
  const { needs, attributes, facts } = exchange;
  if (attributes.operation === "CONNECT") {
    if (held || needs.has("object")) await target(exchange, deps);
    return exchange;
  }
  const sent = objectAsSent(exchange);
  if (sent !== undefined) await judgeObject(exchange, sent, needs.has("roleRules"), deps);
  const asSent = isFragment(exchange) ? exchange.verdict : await judged(exchange);
  const masker = maskerOf(exchange, asSent, deps);
  if (masker !== undefined) refuseUnmaskableWrite(exchange, asSent, masker);

  const { stored, outcome: would } = wanted(exchange, held || asSent.effect === "hold");
  if (would) {
    await takeBoth(exchange, facts, deps);
    return exchange;
  }
  if (!stored) return exchange;
  const mayAsk = attributes.operation !== "DELETE";
  if (mayAsk) await lockUpsert(exchange, deps);
  takeStored(exchange, facts, await storedNow(exchange, deps));
  const known = await judged(exchange);
  if (known.effect === "hold" && mayAsk && !isDeed(attributes))
    await takeOutcome(exchange, facts, await outcome(exchange, deps), deps);
  return exchange;
}

type Stage = Pick<BodyRead, "needs" | "attributes">;

/** A fragment is not the object yet: judging it could add nothing final to what metadata has said. */
export function isFragment({ needs, attributes }: Stage): boolean {
  return attributes.verb === "patch" && !needs.has("roleRules");
}

/**
 * An eviction, a binding or their like: what is created is no object but something done to one, and has no outcome to
 * show. Its body says all that there is to know.
 */
function isDeed(attributes: RequestAttributes): boolean {
  return attributes.verb === "create" && noDryRun(attributes) !== undefined;
}

/**
 * What is to be known beside the body as sent. What is stored and what would be are one question where rules ask for
 * both, and two where an answer may do.
 */
export function wanted({ needs, attributes }: Stage, held: boolean): { stored: boolean; outcome: boolean } {
  const mayAsk = attributes.operation !== "DELETE";
  const patched = attributes.verb === "patch" && needs.has("object");
  return {
    outcome: mayAsk && (needs.has("outcome") || patched || (held && !isDeed(attributes))),
    stored: needs.has("oldObject") || held || (!mayAsk && needs.has("object")),
  };
}

/** Judges what is known so far; throws where that is a deny which nothing more could take back. */
async function judged(exchange: BodyRead): Promise<Decision> {
  const { policy, input, attributes } = exchange;
  const verdict = await policy.decide(input);
  refuseDenied(exchange, verdict, knownAsSent(input, attributes));
  return verdict;
}

/** What is known of a request once its body is read and nothing was asked of the API server but what is stored. */
export function knownAsSent(input: PolicyInput, { verb }: RequestAttributes): ReadonlySet<Need> {
  const known = new Set<Need>(["namespaceLabels", "roleRules"]);
  // A patch's fragment is not the object yet.
  if (verb !== "patch") known.add("object");
  if (input.oldObject !== undefined) known.add("oldObject");
  return known;
}

const again = { next: "Try again." };

/** Asks for what is stored and for what would be at once. They must be of one version: else both are asked again. */
async function takeBoth(exchange: BodyRead, facts: Facts, deps: Deps): Promise<void> {
  await lockUpsert(exchange, deps);
  for (let attempt = 1; ; attempt++) {
    const [stored, would] = await Promise.all([storedNow(exchange, deps), outcome(exchange, deps)]);
    if (stored !== null && resourceVersionOf(stored) !== resourceVersionOf(would)) {
      // The precondition would bind the write to an object of which nobody has seen the outcome.
      if (attempt === 5) throw new Refusal("conflict", "the object changes faster than it can be judged", again);
      continue;
    }
    takeStored(exchange, facts, stored);
    await takeOutcome(exchange, facts, would, deps);
    return;
  }
}

/** A create's object is not there, or the API server will say so; a collection has no name. */
async function storedNow(exchange: BodyRead, deps: Deps): Promise<KubernetesObject | null> {
  const { attributes, input } = exchange;
  if (attributes.verb === "create" && attributes.subResource === "") return null;
  if (input.request.name === "" && attributes.verb !== "deletecollection") return null;
  return oldObject(exchange, deps);
}

function takeStored(exchange: BodyRead, facts: Facts, stored: KubernetesObject | null): void {
  facts.oldObject = stored;
  facts.resourceVersion = resourceVersionOf(stored);
  exchange.input.oldObject = stored;
}

async function takeOutcome(exchange: BodyRead, facts: Facts, would: KubernetesObject, deps: Deps): Promise<void> {
  facts.outcome = would;
  // The server completes what it creates (ServiceAccount, Priority and others of plugin/pkg/admission), and rules on
  // what the author set must not take that for the author's. Of what was there before, oldObject tells them apart.
  const sent = objectAsSent(exchange);
  if (facts.oldObject === null && sent !== undefined) exchange.input.sent = sent;
  else delete exchange.input.sent;
  await judgeObject(exchange, would, exchange.needs.has("roleRules"), deps);
}

/** An upsert of what does not exist yet can carry no precondition, so its object has one writer at a time. */
async function lockUpsert(exchange: BodyRead, deps: Deps): Promise<void> {
  const { attributes, connection, input } = exchange;
  if (attributes.verb !== "update" && attributes.patchType !== "apply") return;
  exchange.unlock?.();
  const { namespace, name } = input.request;
  const key = [connection.name, attributes.group, attributes.resource, namespace, name].join("/");
  exchange.unlock = await deps.objectLocks.acquire(key);
}
