import { Refusal } from "../../../base/errors.ts";
import { send, UpstreamFailure } from "../../upstream.ts";
import type { ModelDecided, ModelForwarded } from "../exchange.ts";
import { providerHeaders } from "../headers.ts";

/** Sends what was judged, with the gateway's own key and exactly our headers. Nothing is sent twice. */
export async function forward(exchange: ModelDecided): Promise<ModelForwarded> {
  const { connection, req, target, body, signal, id } = exchange;
  const headers = providerHeaders(connection, req.headers, id);
  exchange.sent = true;
  const response = await send(connection.pool, {
    method: req.method ?? "POST",
    target: connection.prefix + target,
    headers,
    body,
    signal,
  }).catch((error: unknown) => {
    if (error instanceof UpstreamFailure && error.neverSent) exchange.sent = false;
    throw error;
  });
  if (response.status === 401 || response.status === 403) {
    const told = new Refusal("credential-unavailable", "the provider did not accept the gateway's own key", {
      next: "Tell the operator of the gateway.",
    });
    Object.assign(exchange, { response });
    throw told;
  }
  return Object.assign(exchange, { response });
}
