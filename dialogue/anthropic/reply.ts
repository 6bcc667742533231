import { itemSpans, type Span, splice, valueSpan } from "../json/spans.ts";
import { isObject, JsonError, parseStrictObject } from "../json/strict-json.ts";
import { BrokenReply, whyBroken } from "../sse/broken-reply.ts";
import type { ReplyHooks, ReplySummary, ToolCall, ToolCallVerdict } from "../types.ts";
import { type BlockKind, blockKind, FRAME_KEYS } from "./blocks.ts";
import { anthropicError, anthropicErrorType } from "./errors.ts";
import { BLOCKS_LIMIT, type ReplyLimits } from "./reply-guard.ts";
import { SummaryBuilder } from "./summary.ts";
import { readCall, readInput, undecided, unknownKey } from "./tool-input.ts";
import { textOr, withEndOfTurn } from "./write-events.ts";

export interface GuardedBody {
  /** The provider's own bytes where nothing was changed. */
  body: Buffer;
  summary: ReplySummary;
  /** Where the body is an error of ours in the place of the reply: the status to answer with. */
  status?: number;
}

/** The root, its `content`, and the blocks. An input's keys are its own. */
const MESSAGE = { foldDepth: 3, names: FRAME_KEYS, halves: true } as const;

/**
 * A reply of the Messages API that came whole: each tool call is decided, and released, replaced by a text block, or
 * rewritten, with every other byte as it was. What cannot be read, or says a key twice, becomes an error.
 */
export async function guardReply(body: Buffer, hooks: ReplyHooks, limits: ReplyLimits = {}): Promise<GuardedBody> {
  const builder = new SummaryBuilder(limits.textKept, hooks.kept, hooks.thought);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    const message = parseStrictObject(text, MESSAGE);
    if (message.type === "error") {
      // A client that does not look at the type would find a reply in it.
      if (message.content !== undefined) throw new BrokenReply("it is an error and a message");
      const type = isObject(message.error) ? String(message.error.type) : "";
      builder.summary.broken = `the provider ended it: ${/^[a-z_]{1,64}$/.test(type) ? type : "error"}`;
      return { body, summary: builder.summary };
    }
    const changed = await decided(text, message, builder, hooks, limits.argumentBytes ?? 10 * 1024 * 1024);
    builder.whole();
    return { body: changed === text ? body : Buffer.from(changed), summary: builder.summary };
  } catch (error) {
    const { why, status } = reason(error);
    builder.summary.broken = why;
    const answer = anthropicError(status, anthropicErrorType(status), `The gateway ended this reply: ${why}.`);
    return { body: answer.body, summary: builder.summary, status };
  }
}

async function decided(
  text: string,
  message: Record<string, unknown>,
  builder: SummaryBuilder,
  hooks: ReplyHooks,
  argumentBytes: number,
): Promise<string> {
  const { content } = message;
  if (message.type !== "message" || !Array.isArray(content)) throw new BrokenReply("it is no message");
  if (content.length > BLOCKS_LIMIT) throw new BrokenReply(`it has more than ${BLOCKS_LIMIT} blocks`);
  builder.message(message);
  const blocks = content.map((block) => readBlock(block, builder));
  const spans = itemSpans(text, ["content"]);
  const calls = blocks.flatMap(({ kind, block }, index) => {
    return kind === "tool" ? [readWhole(text, block, spans[index] as Span, index)] : [];
  });
  if (new Set(calls.map(({ call }) => call.id)).size < calls.length)
    throw new BrokenReply("two tool calls have one id");
  if (calls.reduce((sum, { call }) => sum + Buffer.byteLength(call.text), 0) > argumentBytes) {
    throw new BrokenReply(`its tool calls have more than ${argumentBytes} bytes of input`);
  }

  const parts: (Span & { text: string })[] = [];
  let left = 0;
  const verdicts = await Promise.all(
    calls.map(async ({ call, why }): Promise<ToolCallVerdict> => {
      return why === undefined ? hooks.toolCall(call) : { effect: "replace", text: undecided(why) };
    }),
  );
  for (const [i, { call, span, input }] of calls.entries()) {
    const verdict = verdicts[i] as ToolCallVerdict;
    builder.call(call, verdict);
    if (verdict.effect === "replace") {
      const words = textOr(verdict.text, "The gateway refused a tool call.");
      parts.push({ ...span, text: JSON.stringify({ type: "text", text: words }) });
      continue;
    }
    left++;
    if (verdict.effect === "rewrite") parts.push({ ...input, text: JSON.stringify(verdict.arguments) });
    else if (verdict.effect !== "release") throw new Error("there is no such verdict");
  }
  const result = splice(text, parts);
  const noneLeft = calls.length > 0 && left === 0 && message.stop_reason === "tool_use";
  return noneLeft ? withEndOfTurn(result, ["stop_reason"]) : result;
}

function readBlock(block: unknown, builder: SummaryBuilder): { kind: BlockKind; block: Record<string, unknown> } {
  const kind = isObject(block) ? blockKind(block) : undefined;
  if (!isObject(block) || kind === undefined) {
    throw new BrokenReply("a block may be a tool call of a kind that the gateway does not know");
  }
  if (kind === "text") builder.text(block.text);
  else if (kind === "thinking") {
    builder.thinking(block.thinking);
    builder.thought();
  } else builder.apart();
  if (kind === "server") builder.serverTool(block);
  if (kind === "passive") builder.files(block);
  return { kind, block };
}

/** A call, where its block is in the text, and where in it its input; `why` it cannot be decided. */
function readWhole(
  text: string,
  block: Record<string, unknown>,
  span: Span,
  index: number,
): { call: ToolCall; why?: string; span: Span; input: Span } {
  const read = readCall(block, index);
  const within = valueSpan(text.slice(span.start, span.end), ["input"]);
  if (read === undefined || within === undefined) throw new BrokenReply("a tool call has no usable name, id or input");
  const input = { start: span.start + within.start, end: span.start + within.end };
  const call = { ...read, text: text.slice(input.start, input.end) };
  const unknown = unknownKey(block);
  if (unknown !== undefined) return { call, why: unknown, span, input };
  const parsed = readInput(call.text);
  if ("why" in parsed) return { call, why: parsed.why, span, input };
  return { call: { ...call, arguments: parsed.arguments }, span, input };
}

function reason(error: unknown): { why: string; status: number } {
  if (error instanceof JsonError) return { why: `of its JSON, ${error.message}`, status: 502 };
  // TextDecoder's.
  if (error instanceof TypeError && "code" in error) return { why: "it is not valid UTF-8", status: 502 };
  return whyBroken(error);
}
