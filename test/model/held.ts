import { bash, stream } from "./dialogue.ts";
import type { Script } from "./provider.ts";

/** One way to ask a model: which API, and whether its reply streams. */
export interface Way {
  name: string;
  path: string;
  streams: boolean;
  /** Its reply, which calls the tool Bash with this command. */
  script(id: string, command: string): Script;
  /** The text of such a reply as the provider sends it. */
  text(id: string, command: string): string;
}

const args = (command: string): string => JSON.stringify({ command });
const usage = { input_tokens: 1, output_tokens: 1 };

const MESSAGE = (id: string, command: string): string =>
  JSON.stringify({
    ...{ id: "m", type: "message", role: "assistant", model: "x", stop_reason: "tool_use", usage },
    content: [{ type: "tool_use", id, name: "Bash", input: { command } }],
  });

const chatCall = (id: string, command: string) => ({
  ...{ id, type: "function" },
  function: { name: "Bash", arguments: args(command) },
});

const COMPLETION = (id: string, command: string): string =>
  JSON.stringify({
    ...{ id: "c", object: "chat.completion", created: 1, model: "x" },
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: null, tool_calls: [chatCall(id, command)] },
        finish_reason: "tool_calls",
      },
    ],
  });

function CHUNKS(id: string, command: string): string {
  const chunk = (delta: object, finish_reason: string | null = null): string =>
    `data: ${JSON.stringify({
      ...{ id: "c", object: "chat.completion.chunk", created: 1, model: "x" },
      choices: [{ index: 0, delta, finish_reason }],
    })}\n\n`;
  const call = { index: 0, ...chatCall(id, command) };
  return [chunk({ role: "assistant", tool_calls: [call] }), chunk({}, "tool_calls"), "data: [DONE]\n\n"].join("");
}

const item = (id: string, command: string, status: string) => ({
  ...{ id: `fc_${id}`, type: "function_call", status, arguments: command === "" ? "" : args(command) },
  ...{ call_id: id, name: "Bash" },
});

const response = (status: string, output: object[]) => ({
  ...{ id: "resp_1", object: "response", created_at: 1, model: "x", status, output },
});

const RESPONSE = (id: string, command: string): string =>
  JSON.stringify(response("completed", [item(id, command, "completed")]));

function EVENTS(id: string, command: string): string {
  const at = { item_id: `fc_${id}`, output_index: 0 };
  const done = item(id, command, "completed");
  const events: { type: string }[] = [
    { type: "response.created", ...{ response: response("in_progress", []) } },
    { type: "response.output_item.added", ...{ output_index: 0, item: item(id, "", "in_progress") } },
    { type: "response.function_call_arguments.delta", ...at, ...{ delta: args(command) } },
    { type: "response.function_call_arguments.done", ...at, ...{ name: "Bash", arguments: args(command) } },
    { type: "response.output_item.done", ...{ output_index: 0, item: done } },
    { type: "response.completed", ...{ response: response("completed", [done]) } },
  ];
  return events
    .map((one, n) => `event: ${one.type}\ndata: ${JSON.stringify({ ...one, sequence_number: n })}\n\n`)
    .join("");
}

function way(name: string, path: string, streams: boolean, text: Way["text"]): Way {
  const headers = { "content-type": "application/json" };
  const script = (id: string, command: string): Script => ({
    ...(streams ? {} : { headers }),
    parts: [text(id, command)],
  });
  return { name, path, streams, script, text };
}

/** Every way in which a model can be asked that may call tools. */
export const WAYS: Way[] = [
  way("a message", "/connections/claude/v1/messages", false, MESSAGE),
  way("a message that streams", "/connections/claude/v1/messages", true, (id, command) =>
    stream("", [bash(id, command)]),
  ),
  way("a chat completion", "/connections/gpt/v1/chat/completions", false, COMPLETION),
  way("a chat completion that streams", "/connections/gpt/v1/chat/completions", true, CHUNKS),
  way("a response", "/connections/gpt/v1/responses", false, RESPONSE),
  way("a response that streams", "/connections/gpt/v1/responses", true, EVENTS),
];

/** What an agent asks in this way. */
export function asking({ path, streams }: Way, model: string): object {
  const stream = streams ? { stream: true } : {};
  if (path.endsWith("/responses")) return { model, input: "go", ...stream };
  const max = path.endsWith("/messages") ? { max_tokens: 9 } : {};
  return { model, ...max, messages: [{ role: "user", content: "go" }], ...stream };
}
