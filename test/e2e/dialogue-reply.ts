/** A reply as Anthropic streams it. A call is what Bash is to run; its id is given, for the record's sake. */
export function reply(...blocks: (string | { id: string; command: string })[]): string {
  const event = (type: string, rest: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
  const usage = { input_tokens: 10, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-opus-4-6", content: [], usage };
  const calls = blocks.filter((block) => typeof block !== "string").length;
  const delta = { stop_reason: calls > 0 ? "tool_use" : "end_turn", stop_sequence: null };
  return [
    event("message_start", { message }),
    ...blocks.flatMap((block, index) => {
      const call = typeof block === "string" ? undefined : { type: "tool_use", id: block.id, name: "Bash", input: {} };
      const part =
        typeof block === "string"
          ? { type: "text_delta", text: block }
          : { type: "input_json_delta", partial_json: JSON.stringify({ command: block.command }) };
      return [
        event("content_block_start", { index, content_block: call ?? { type: "text", text: "" } }),
        event("content_block_delta", { index, delta: part }),
        event("content_block_stop", { index }),
      ];
    }),
    event("message_delta", { delta, usage: { output_tokens: 9 } }),
    event("message_stop", {}),
  ].join("");
}
