import type { Decision, Need } from "../../engine/decision.ts";
import { refuseDenied } from "../deny.ts";
import type { Deps } from "../deps.ts";
import type { Classified, Screened } from "../exchange.ts";
import { namespaceLabels } from "../gather/namespace-labels.ts";
import { withExceptions } from "../standing.ts";

/** What is known before the body is read. */
const METADATA: ReadonlySet<Need> = new Set(["namespaceLabels"]);

/**
 * Judges by metadata alone, the cheapest way: a request that is denied here is never heard of by the API server,
 * and its body is never read. Where no rule needs more, this is already the verdict.
 */
export function screen(exchange: Classified, deps: Deps): Screened | Promise<Screened> {
  const policy = withExceptions(exchange, deps.policy.current, deps);
  const needs = policy.needs(exchange.input);
  if (needs.has("namespaceLabels") && exchange.input.request.namespace !== "") {
    return namespaceLabels(exchange, deps).then(() => judge());
  }
  return judge();

  function judge(): Screened | Promise<Screened> {
    const verdict = policy.decide(exchange.input);
    return verdict instanceof Promise ? verdict.then(settle) : settle(verdict);
  }

  function settle(verdict: Decision): Screened {
    const screened = Object.assign(exchange, { policy, needs, verdict });
    refuseDenied(screened, verdict, needs.size === 0 ? "all" : METADATA);
    return screened;
  }
}
