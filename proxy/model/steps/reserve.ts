import { readBody } from "../../../dialogue/openai/request-json.ts";
import { boundOf, spentOf } from "../budgets-tokens.ts";
import type { ModelDeps } from "../deps.ts";
import { dialectOf, type ModelAnswered, type ModelDecided, type ModelKnown } from "../exchange.ts";

/** Makes room in the budgets of who asks for all that the reply may come to, before the provider hears of it. */
export function reserve(exchange: ModelDecided, deps: ModelDeps): ModelDecided {
  const { id, asked, body, endpoint, identity, session, connection } = exchange;
  if (!endpoint.replies || asked === undefined || body === null) return exchange;
  const bound = dialectOf(exchange) === "openai.chat" ? chatBound(body) : boundOf(body.length, asked.maxTokens);
  exchange.reservation = deps.budgets.reserve(
    id,
    { session: session.id, identity, connection: connection.name },
    { models: [asked.model, ...(asked.otherModels ?? [])], bound },
  );
  return exchange;
}

/** Chat completions may ask for many replies at once, and say the bound of each by two names. */
function chatBound(body: Buffer): ReturnType<typeof boundOf> {
  const { n, max_completion_tokens: most, max_tokens: alsoMost } = readBody(body, body.length);
  const bounds = [most, alsoMost].filter((one) => typeof one === "number");
  return boundOf(body.length, bounds.length === 0 ? undefined : Math.max(...bounds), typeof n === "number" ? n : 1);
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
  const { reservation, response, summary, cut, body, asked } = known;
  if (reservation === undefined || known.spent !== undefined) return;
  // Clients take any 2xx for a reply.
  const taken = response === undefined ? known.sent === true : response.status >= 200 && response.status < 300;
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
