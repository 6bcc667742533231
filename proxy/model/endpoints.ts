import { Refusal } from "../../base/errors.ts";
import type { Dialect } from "../../dialogue/types.ts";
import type { ModelConnection } from "./connection.ts";

/** What of a provider's API the gateway serves. */
export interface Endpoint {
  name: "messages" | "count_tokens" | "chat.completions" | "responses" | "models";
  method: "GET" | "POST";
  /** What its body is read as; absent where it has none. */
  dialect?: Dialect;
  /** The model answers, and may call tools. */
  replies: boolean;
}

const MODELS: Endpoint = { name: "models", method: "GET", replies: false };
const ENDPOINTS: Record<ModelConnection["kind"], readonly [RegExp, Endpoint][]> = {
  anthropic: [
    [/^\/v1\/messages$/, { name: "messages", method: "POST", dialect: "anthropic.messages", replies: true }],
    [
      /^\/v1\/messages\/count_tokens$/,
      { name: "count_tokens", method: "POST", dialect: "anthropic.messages", replies: false },
    ],
    [/^\/v1\/models(?:\/[\w.:@-]{1,200})?$/, MODELS],
  ],
  openai: [
    [/^\/v1\/chat\/completions$/, { name: "chat.completions", method: "POST", dialect: "openai.chat", replies: true }],
    [/^\/v1\/responses$/, { name: "responses", method: "POST", dialect: "openai.responses", replies: true }],
    [/^\/v1\/models(?:\/[\w.:@-]{1,200})?$/, MODELS],
  ],
};

/** What may stand in the query: `?beta=true` of Anthropic's clients, and pages of the list of models. */
const QUERY = /^(?:\?(?:(?:beta|limit|after_id|before_id|after)=[\w.-]{0,200}(?:&|$))*)?$/;

/**
 * What a request asks of its provider. What is not listed is refused: a batch, a background reply that is fetched later or a file
 * would bring tool calls and prompts past the gateway. Throws Refusal `not-found` or `method-not-allowed`.
 */
export function endpointOf(kind: ModelConnection["kind"], method: string, target: string): Endpoint {
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  const found = ENDPOINTS[kind].find(([pattern]) => pattern.test(path))?.[1];
  if (found === undefined || !QUERY.test(at === -1 ? "" : target.slice(at))) {
    throw new Refusal("not-found", `the gateway does not pass on ${method} ${path.slice(0, 200)}`, {
      next: `It serves ${served(kind)}.`,
    });
  }
  if (found.method !== method) throw new Refusal("method-not-allowed", `${path} takes ${found.method}`);
  return found;
}

function served(kind: ModelConnection["kind"]): string {
  return kind === "anthropic"
    ? "POST /v1/messages, POST /v1/messages/count_tokens and GET /v1/models"
    : "POST /v1/chat/completions, POST /v1/responses and GET /v1/models";
}
