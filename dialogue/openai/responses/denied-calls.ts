import { itemSpans, type Span, splice, valueSpan } from "../../json/spans.ts";
import { list, readBody } from "../../request-json.ts";
import type { ToolCall } from "../../types.ts";
import type { JsonObject } from "../fields.ts";
import { OWN_MESSAGE } from "./items.ts";

/** A call that was replaced, and what the client was told in its place. */
export interface DeniedCall {
  call: ToolCall;
  text: string;
}

/**
 * The request as the provider takes it, with what this gateway put into replies before it: messages in the place of
 * calls keep their words and lose their ids, which the provider never gave; reasoning that led to such a call goes, since
 * the provider refuses it without the call ("was provided without its required following item").
 *
 * `denied`: calls of the response that the request goes on from, where the provider keeps it (`previous_response_id`,
 * `conversation`). It has the calls, and refuses a request that answers none of them: they are answered with what the
 * client was told. Answers the body itself where there is nothing to do. Throws Refusal `malformed-body`.
 */
export function withDeniedCalls(body: Buffer, denied: readonly DeniedCall[] = []): Buffer {
  // Clients send ids back as they got them: most requests need no second reading.
  if (denied.length === 0 && !body.includes(OWN_MESSAGE)) return body;
  const root = readBody(body, NAMES, body.length);
  const input = Array.isArray(root.input) ? list(root, "input") : [];
  const kept = root.previous_response_id != null || root.conversation != null;
  const answers = kept ? denied.flatMap((each) => answerOf(each, input)) : [];
  if (answers.length === 0 && !input.some(isOwn)) return body;
  const text = body.toString("utf8");
  const span = valueSpan(text, ["input"]);
  if (span === undefined) return body;
  const items = typeof root.input === "string" ? [asMessage(text, span)] : inputItems(text, input);
  return Buffer.from(splice(text, [{ ...span, text: `[${[...answers, ...items].join(",")}]` }]));
}

const NAMES = new Set(["input", "previous_response_id", "conversation"]);

const isOwn = (item: JsonObject): boolean => typeof item.id === "string" && item.id.startsWith(OWN_MESSAGE);

function asMessage(text: string, { start, end }: Span): string {
  return `{"role":"user","content":${text.slice(start, end)}}`;
}

/** Each item as it stands in the text, but for those that are ours, and the reasoning before them. */
function inputItems(text: string, input: readonly JsonObject[]): string[] {
  return itemSpans(text, ["input"]).flatMap(({ start, end }, i) => {
    const item = input[i];
    if (item === undefined) return [];
    if (isOwn(item)) {
      const { id: _id, ...message } = item;
      return [JSON.stringify(message)];
    }
    return item.type === "reasoning" && leadsToOwn(input, i) ? [] : [text.slice(start, end)];
  });
}

/** Whether behind the reasoning, and what of it follows, the first other item is ours. */
function leadsToOwn(input: readonly JsonObject[], at: number): boolean {
  const next = input.slice(at + 1).find(({ type }) => type !== "reasoning");
  return next !== undefined && isOwn(next);
}

/** The item that answers a call of that kind; none where the client did, or nothing can. */
function answerOf({ call: { id, kind }, text }: DeniedCall, input: readonly JsonObject[]): string[] {
  const answered = input.some(
    (item) => [item.call_id, item.approval_request_id, item.id].includes(id) && !isCall(item),
  );
  if (answered || kind === undefined) return [];
  const answer = ANSWERS[kind]?.(id, text);
  return answer === undefined ? [] : [JSON.stringify(answer)];
}

function isCall(item: JsonObject): boolean {
  return typeof item.type === "string" && item.type.endsWith("_call");
}

const ANSWERS: Record<string, (id: string, text: string) => object> = {
  function_call: (call_id, output) => ({ type: "function_call_output", call_id, output }),
  custom_tool_call: (call_id, output) => ({ type: "custom_tool_call_output", call_id, output }),
  local_shell_call: (id, output) => ({ type: "local_shell_call_output", id, output, status: "incomplete" }),
  shell_call: (call_id, stderr) => ({
    type: "shell_call_output",
    call_id,
    output: [{ stdout: "", stderr, outcome: { type: "exit", exit_code: 126 } }],
  }),
  apply_patch_call: (call_id, output) => ({ type: "apply_patch_call_output", call_id, status: "failed", output }),
  mcp_approval_request: (approval_request_id, reason) => ({
    type: "mcp_approval_response",
    approval_request_id,
    approve: false,
    reason,
  }),
};

/** What of a reply that was passed on is still without an answer, where the provider keeps it. */
export function deniedOf(
  toolCalls: readonly { call: ToolCall; verdict: { effect: string; text?: string } }[],
): DeniedCall[] {
  return toolCalls.flatMap(({ call, verdict }) =>
    verdict.effect === "replace" && typeof verdict.text === "string" ? [{ call, text: verdict.text }] : [],
  );
}
