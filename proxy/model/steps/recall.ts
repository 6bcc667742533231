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
  exchange.unrecalled = kept.refusal(exchange);
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
 * Refuses what names something that the provider keeps and that this session had not made when it was asked, once it is
 * decided: the refusal says by which decision.
 */
export function checkRecalled(exchange: ModelDecided): ModelDecided {
  if (exchange.unrecalled !== undefined) throw exchange.unrecalled;
  return exchange;
}
