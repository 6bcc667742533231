import { endpointOf } from "../endpoints.ts";
import type { ModelClassified, ModelIdentified } from "../exchange.ts";

/** Says what is asked of the provider; what the gateway does not serve is refused by name. */
export function classify(exchange: ModelIdentified): ModelClassified {
  const { connection, req, target } = exchange;
  return Object.assign(exchange, { endpoint: endpointOf(connection.kind, req.method ?? "GET", target) });
}
