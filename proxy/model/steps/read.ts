import { Refusal } from "../../../base/errors.ts";
import { bodyLength } from "../../http.ts";
import { readAll, tooLarge } from "../../steps/read-body.ts";
import type { ModelDeps } from "../deps.ts";
import { WIRES } from "../dialects.ts";
import type { ModelClassified, ModelRead } from "../exchange.ts";

/**
 * Reads what is asked. It is read whole: the newest message stands at its end, and what policy decides on (tools that run at the
 * provider) may stand anywhere.
 */
export async function read(exchange: ModelClassified, deps: ModelDeps): Promise<ModelRead> {
  const { req, endpoint } = exchange;
  const { modelBodyBytes } = deps.limits;
  const { dialect } = endpoint;
  if (dialect === undefined) return Object.assign(exchange, { body: null, asked: undefined });
  const type = req.headers["content-type"] ?? "";
  if (!/^application\/json(?: *;|$)/i.test(type)) {
    throw new Refusal("unsupported-media-type", `a request to a model is application/json, not ${type.slice(0, 100)}`);
  }
  // Its bytes are searched and judged: what only the provider could open would pass unseen.
  if ((req.headers["content-encoding"] ?? "identity") !== "identity") {
    throw new Refusal("unsupported-media-type", "a compressed request to a model is refused");
  }
  if ((bodyLength(req) ?? 0) > modelBodyBytes) throw tooLarge(modelBodyBytes);
  exchange.room = deps.underWay.bodyOf(exchange.identity);
  const body = await readAll(req, modelBodyBytes, exchange);
  const asked = WIRES[dialect].readRequest(body);
  return Object.assign(exchange, { body, asked });
}
