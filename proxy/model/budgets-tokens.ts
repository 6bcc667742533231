import type { Price } from "../../base/config/budgets.ts";
import type { Dialect, ModelRequest, ReplySummary, Usage } from "../../dialogue/types.ts";

/** Tokens by what they cost: no token is in two of these. */
export interface Tokens {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
}

export const NONE: Readonly<Tokens> = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

/** Of English, a token has four characters or so; of code and JSON, three. */
const BYTES_PER_INPUT = 4;
const CHARACTERS_PER_OUTPUT = 3;
/** No model takes or writes more, whatever a request weighs or asks for: a picture is a megabyte, and a thousand tokens. */
const MOST = 1_000_000;
/** Where a request names no bound: what models write at most in one reply, most of them. */
const OUTPUT_UNBOUND = 32_768;

/** What OpenAI answers at most to one request (`n`). */
const REPLIES = 128;

export function totalOf({ input, output, cacheRead, cacheWrite }: Tokens): number {
  return input + output + cacheRead + cacheWrite;
}

/** In the currency of the prices. */
export function costOf(tokens: Tokens, price: Price): number {
  const { inputPerMillion, outputPerMillion, cacheReadPerMillion, cacheWritePerMillion } = price;
  const millions =
    tokens.input * inputPerMillion +
    tokens.output * outputPerMillion +
    tokens.cacheRead * cacheReadPerMillion +
    tokens.cacheWrite * cacheWritePerMillion;
  return millions / 1_000_000;
}

/**
 * What a request may come to: its text by length, with what its provider kept of the conversation (`keptTokens`), and of
 * each of its replies as much as it allows.
 */
export function boundOf(
  bodyBytes: number,
  { maxTokens = OUTPUT_UNBOUND, replies = 1 }: Pick<ModelRequest, "maxTokens" | "replies">,
  keptTokens = 0,
): Tokens {
  return {
    ...NONE,
    input: Math.min(Math.ceil(bodyBytes / BYTES_PER_INPUT) + keptTokens, MOST),
    output: Math.min(maxTokens, MOST) * Math.min(Math.max(1, replies), REPLIES),
  };
}

/**
 * What a reply came to. The provider's own count where the reply came to its end; where it was cut, or the provider does
 * said how much until then, the greater of that and an estimate by length: who reads a tool call and goes away before the
 * count comes has spent it. Where it did not count at all (chat/completions as a stream, without `include_usage`), all that
 * was allowed: what a model thinks unseen is no shorter for it.
 */
export function spentOf(
  dialect: Dialect,
  { summary, cut, bound }: { summary: ReplySummary | undefined; cut: boolean; bound: Tokens },
): { tokens: Tokens; estimated: boolean } {
  if (summary === undefined) return { tokens: bound, estimated: true };
  const { usage, broken } = summary;
  const counted = countedOf(dialect, usage);
  if (!cut && broken === undefined && usage.inputTokens !== undefined && usage.outputTokens !== undefined) {
    return { tokens: counted, estimated: false };
  }
  const most = usage.outputTokens === undefined ? bound.output : Math.min(outputEstimate(summary), bound.output);
  const output = Math.max(counted.output, most);
  const input = usage.inputTokens === undefined ? bound.input : counted.input;
  return { tokens: { ...counted, input, output }, estimated: true };
}

/** Anthropic counts cached tokens beside the input, OpenAI within it. */
export function countedOf(dialect: Dialect, usage: Usage): Tokens {
  const { inputTokens = 0, outputTokens: output = 0, cacheReadTokens: cacheRead = 0, cacheWriteTokens = 0 } = usage;
  const cacheWrite = cacheWriteTokens;
  const input = dialect === "anthropic.messages" ? inputTokens : Math.max(0, inputTokens - cacheRead - cacheWrite);
  return { input, output, cacheRead, cacheWrite };
}

function outputEstimate({ text, thinking, toolCalls }: ReplySummary): number {
  const characters = toolCalls.reduce((sum, { call }) => sum + call.text.length, text.length + thinking.length);
  return Math.ceil(characters / CHARACTERS_PER_OUTPUT);
}
