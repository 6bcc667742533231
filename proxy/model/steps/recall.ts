import { Refusal } from "../../../base/errors.ts";
import { splice, valueSpan } from "../../../dialogue/json/spans.ts";
import type { ModelDeps } from "../deps.ts";
import type { ModelDecided, ModelRedacted } from "../exchange.ts";

/**
 * Adds to what is asked the tools and servers that the provider may still have from the replies that it goes on from: what it
 * was told then runs now, and is decided once more. A reply of another session is compared with nothing.
 */
export function recall(exchange: ModelRedacted, { kept }: ModelDeps): ModelRedacted {
  const { asked, body } = exchange;
  // Nothing of it would come into the reply but how far two prompts are the same: clients say it with each request of a long
  // dialogue, which a restart of the gateway must not end.
  if (
    asked?.compares !== undefined &&
    body !== null &&
    !kept.knows(exchange, { kind: "reply", id: asked.compares.id })
  ) {
    exchange.body = withNull(body, asked.compares.at);
  }
  const before = kept.before(exchange);
  if (asked === undefined || before === undefined) return exchange;
  const tools = [...asked.tools, ...missing(before.tools, asked.tools)];
  const mcpServers = [...asked.mcpServers, ...missing(before.mcpServers, asked.mcpServers)];
  exchange.asked = { ...asked, tools, mcpServers };
  return exchange;
}

function withNull(body: Buffer, at: readonly string[]): Buffer {
  const text = body.toString("utf8");
  const span = valueSpan(text, at);
  return span === undefined ? body : Buffer.from(splice(text, [{ ...span, text: "null" }]));
}

function missing<One extends object>(from: readonly One[], all: readonly One[]): One[] {
  const there = new Set(all.map((one) => JSON.stringify(Object.entries(one).sort())));
  return from.filter((one) => !there.has(JSON.stringify(Object.entries(one).sort())));
}

/**
 * Refuses what names something that the provider keeps and that this session did not make, once it is decided: the refusal
 * says by which decision.
 */
export function checkRecalled(exchange: ModelDecided, { kept }: ModelDeps): ModelDecided {
  kept.check(exchange);
  const denied = kept.before(exchange)?.denied ?? [];
  // OpenAI's are answered (answer-denied.ts).
  if (exchange.endpoint.dialect === "anthropic.messages" && denied.length > 0) {
    throw new Refusal(
      "recall-refused",
      "request/recall-refused: the provider's thread still has a tool call that was refused, and no result of it",
      { next: "Send the whole conversation as you have it, without `thread`." },
    );
  }
  return exchange;
}
