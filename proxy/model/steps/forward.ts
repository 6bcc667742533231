import { Readable } from "node:stream";
import { Refusal } from "../../../base/errors.ts";
import { send, UpstreamFailure } from "../../upstream.ts";
import type { ModelDecided, ModelForwarded, ModelKnown } from "../exchange.ts";
import { providerHeaders } from "../headers.ts";

/** Sends what was judged, with the gateway's own key and exactly our headers. Nothing is sent twice. */
export async function forward(exchange: ModelDecided): Promise<ModelForwarded> {
  const { connection, req, target, signal, id } = exchange;
  const headers = providerHeaders(connection, req.headers, id);
  const body = exchange.body === null ? null : new Once(exchange.body);
  const requestBytes = exchange.body?.length ?? 0;
  if (body !== null) headers.push("content-length", String(requestBytes));
  body?.once("close", () => exchange.room?.free());
  exchange.sent = true;
  letGo(exchange, requestBytes);
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
  return Object.assign(exchange, { response, requestBytes });
}

/** Of megabytes that were asked nothing is kept beside a reply that needs none of it. */
function letGo(exchange: ModelDecided & Pick<ModelKnown, "requestBytes">, requestBytes: number): void {
  exchange.requestBytes = requestBytes;
  exchange.body = null;
  exchange.recorded = null;
  exchange.told = undefined;
  if (exchange.asked !== undefined) exchange.asked = { ...exchange.asked, prompt: "", toolResults: [], recalls: [] };
}

/** A body that is gone once it was read: undici keeps what it is given until the answer has ended. */
class Once extends Readable {
  #body: Buffer | undefined;

  constructor(body: Buffer) {
    super();
    this.#body = body;
  }

  override _read(): void {
    const body = this.#body;
    this.#body = undefined;
    this.push(body);
    this.push(null);
  }
}
