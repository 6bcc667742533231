import { boundOf, spentOf } from "../budgets-tokens.ts";
import type { ModelDeps } from "../deps.ts";
import { dialectOf, isReply, type ModelAnswered, type ModelDecided, type ModelKnown } from "../exchange.ts";

/** Makes room in the budgets of who asks for all that the reply may come to, before the provider hears of it. */
export function reserve(exchange: ModelDecided, deps: ModelDeps): ModelDecided {
  const { id, asked, body, endpoint, identity, session, connection } = exchange;
  if (!endpoint.replies || asked === undefined || body === null) return exchange;
  const bound = boundOf(body.length, asked, deps.kept.before(exchange)?.tokens);
  exchange.reservation = deps.budgets.reserve(
    id,
    { session: session.id, identity, connection: connection.name },
    { models: [asked.model, ...(asked.otherModels ?? [])], bound },
  );
  return exchange;
}

/** Counts what the reply came to. */
export function settle(exchange: ModelAnswered): ModelAnswered {
  settleReservation(exchange);
  return exchange;
}

/**
 * The same for whatever became of it: what the provider did not take has cost nothing. Where it has the request and nobody
 * heard of its answer, all that it may come to is spent: who goes away before the head must not ask for free.
 */
export function settleReservation(known: ModelKnown): void {
  const { reservation, response, summary, cut, asked } = known;
  if (reservation === undefined || known.spent !== undefined) return;
  const taken = response === undefined ? known.sent === true : isReply(response);
  if (!taken || asked === undefined) {
    reservation.settle(undefined);
    return;
  }
  const { bound } = reservation;
  const { tokens, estimated } = spentOf(dialectOf(known), { summary, cut: cut !== undefined, bound });
  const spent = reservation.settle({ tokens, model: summary?.model ?? asked.model });
  if (spent !== undefined) known.spent = { ...spent, ...(estimated ? { estimated } : {}) };
}
