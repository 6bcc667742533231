import type { EventDraft } from "../audit/event.ts";
import type { Need } from "../engine/decision.ts";
import type { ShadowVerdict } from "../engine/shadow.ts";
import type { Deps } from "./deps.ts";
import { decisionPayload, exchangeEvent } from "./events.ts";
import type { Known } from "./exchange.ts";

/** Puts the question that was just decided to the candidate, where there is one. Nothing waits for the answer. */
export function askShadow(exchange: Known, deps: Pick<Deps, "shadow">): void {
  const { input } = exchange;
  const live = exchange.decision ?? exchange.verdict;
  if (deps.shadow === undefined || input === undefined || live === undefined) return;
  exchange.shadow = deps.shadow.ask(input, live, gathered(exchange));
}

/**
 * Puts on record what the candidate said: with the event where it has answered by now, in an event of its own once it
 * has. A refusal before the last judgement was not put to it yet.
 */
export function withShadow(event: EventDraft, exchange: Known, deps: Pick<Deps, "shadow" | "recorder">): EventDraft {
  if (deps.shadow === undefined) return event;
  const { decision } = exchange;
  // What policy denies ends where it is judged, before the step that asks.
  const unasked = decision === undefined || decision.effect === "deny";
  if (exchange.shadow === undefined && unasked) askShadow(exchange, deps);
  const run = exchange.shadow;
  exchange.shadow = undefined;
  if (run === undefined) return event;
  if (run.verdict !== undefined) {
    event.payload = { ...event.payload, shadow: payload(run.verdict) };
    return event;
  }
  const later = { ...exchangeEvent(exchange, "request.shadow"), at_ms: event.at_ms };
  const decided = decisionPayload(exchange);
  run.late = (verdict) => deps.recorder.record({ ...later, payload: { ...decided, shadow: payload(verdict) } });
  return event;
}

function payload(verdict: ShadowVerdict): Record<string, unknown> {
  return { ...verdict };
}

function gathered({ input, facts, body }: Known): Set<Need> {
  const known = new Set<Need>();
  // A request without a body has no object to be judged by.
  if (input?.object !== undefined || body === null) known.add("object");
  const creates = input?.request.verb === "create" && input.request.subResource === "";
  if (input?.oldObject !== undefined || creates) known.add("oldObject");
  if (facts?.outcome !== undefined) known.add("outcome");
  if (input?.namespaceLabels !== undefined || input?.request.namespace === "") known.add("namespaceLabels");
  if (input?.roleRules !== undefined) known.add("roleRules");
  return known;
}
