import { boundOf, spentOf } from "../budgets-tokens.ts";
import type { ModelDeps } from "../deps.ts";
import { dialectOf, type ModelAnswered, type ModelDecided, type ModelKnown } from "../exchange.ts";

/** Makes room in the budgets of who asks for all that the reply may come to, before the provider hears of it. */
export function reserve(exchange: ModelDecided, deps: ModelDeps): ModelDecided {
  const { id, asked, body, endpoint, identity, session, connection } = exchange;
  if (!endpoint.replies || asked === undefined || body === null) return exchange;
  exchange.reservation = deps.budgets.reserve(
    id,
    { session: session.id, identity, connection: connection.name },
    { models: [asked.model, ...(asked.otherModels ?? [])], bound: boundOf(body.length, asked.maxTokens) },
  );
  return exchange;
}

/** Counts what the reply came to. */
export function settle(exchange: ModelAnswered): ModelAnswered {
  settleReservation(exchange);
  return exchange;
}

/** The same for whatever became of it: what the provider did not take has cost nothing. */
export function settleReservation(known: ModelKnown): void {
  const { reservation, response, summary, cut, body, asked } = known;
  if (reservation === undefined || known.spent !== undefined) return;
  // Clients take any 2xx for a reply.
  const taken = response !== undefined && response.status >= 200 && response.status < 300;
  if (!taken || asked === undefined) {
    reservation.settle(undefined);
    return;
  }
  const { bound } = reservation;
  const reply = { summary, cut: cut !== undefined, bodyBytes: body?.length ?? 0, bound };
  const { tokens, estimated } = spentOf(dialectOf(known), reply);
  const spent = reservation.settle({ tokens, model: summary?.model ?? asked.model });
  if (spent !== undefined) known.spent = { ...spent, ...(estimated ? { estimated } : {}) };
}
