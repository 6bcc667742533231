import { ChatStream } from "../../../dialogue/openai/chat/stream.ts";
import type { Outlet } from "../../../dialogue/openai/outlet.ts";
import type { SseEvent } from "../../../dialogue/sse/sse-reader.ts";
import { chatCalls, dataOf } from "../openai-calls.ts";
import { chatReply } from "../openai-case.ts";
import { openaiTarget } from "../openai-stream.ts";

class PassesCustom extends ChatStream {
  override event(event: SseEvent, outlet: Outlet): void {
    if (/"input":"."/.test(event.data ?? "")) outlet.passNow(event.bytes);
    else super.event(event, outlet);
  }
}

/**
 * Words overtake undecided calls, and what is said in the place of one comes when it is decided: of the words of a choice
 * that is each character, in any order.
 */
function assembled(out: string): string {
  const words = new Map<unknown, string[]>();
  for (const { choices } of dataOf(out)) {
    for (const { index, delta, finish_reason } of Array.isArray(choices) ? choices : []) {
      words.set(index, [...(words.get(index) ?? []), ...String(delta?.content ?? "").trim(), finish_reason ?? ""]);
    }
  }
  const choices = [...words.entries()].sort().map(([index, of]) => [index, of.sort().join("")]);
  return JSON.stringify([choices, chatCalls(out).sort()]);
}

export default openaiTarget({
  name: "openai-chat",
  plant: "a piece of one character of a custom tool's input goes out before the call is decided",
  make: chatReply,
  tokens: [
    '"index":1',
    '"index":0',
    '"tool_calls":[]',
    '"id":"x"',
    '"name":"x"',
    '"delta"',
    '"message"',
    "function_call",
    "null",
    '"finish_reason":"stop"',
    "data: [DONE]\n\n",
    "\n",
    "\r",
    "\n\n",
    ",",
    "}",
    "]",
    '"',
    "\\",
  ],
  reader: (wire) => new ChatStream(wire),
  broken: (wire) => new PassesCustom(wire),
  calls: chatCalls,
  assembled,
});
