import type { Decision } from "../../engine/decision.ts";
import { maskerOf, refuseUnmaskableWrite } from "../answer/unmaskable-write.ts";
import { refuseDenied } from "../deny.ts";
import type { Deps } from "../deps.ts";
import type { Decided, Gathered } from "../exchange.ts";
import { askShadow } from "../shadow.ts";

/** The verdict on everything that is known, and with it what will be masked. */
export function decide(exchange: Gathered, deps: Deps): Decided | Promise<Decided> {
  // Metadata was everything: judging the same question again would give the same answer.
  const known = exchange.needs.size === 0 && exchange.body === null && exchange.verdict.effect === "allow";
  const decision = known ? exchange.verdict : exchange.policy.decide(exchange.input);
  return decision instanceof Promise
    ? decision.then((d) => settle(exchange, d, deps))
    : settle(exchange, decision, deps);
}

function settle(exchange: Gathered, decision: Decision, deps: Deps): Decided {
  refuseDenied(exchange, decision, "all");
  const masker = maskerOf(exchange, decision, deps);
  if (masker !== undefined) refuseUnmaskableWrite(exchange, decision, masker);
  const decided = Object.assign(exchange, { decision, masker });
  askShadow(decided, deps);
  return decided;
}
