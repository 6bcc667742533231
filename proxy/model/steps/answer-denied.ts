import { withDeniedCalls } from "../../../dialogue/openai/responses/denied-calls.ts";
import type { ModelDeps } from "../deps.ts";
import type { ModelRedacted } from "../exchange.ts";

/**
 * Puts right what the gateway's own words did to a dialogue that the provider keeps a copy of: calls that were denied are answered,
 * and items that it never gave lose their ids. Only OpenAI's responses are kept so.
 */
export function answerDenied(exchange: ModelRedacted, { kept }: ModelDeps): ModelRedacted {
  const { endpoint, body } = exchange;
  if (endpoint.dialect !== "openai.responses" || body === null) return exchange;
  exchange.body = withDeniedCalls(body, kept.before(exchange)?.denied);
  return exchange;
}
