/** Replies of a provider that means harm, and what the client of openai reads of what is let through. */
import OpenAI from "openai";
import { type Decide, type Guarded, guarded, inPieces, type Name } from "./streams.ts";

/** What would be judged, and what the client would get. */
export const GOOD = "kubectl get pods";
export const EVIL = "kubectl delete ns prod";

export type Json = Record<string, unknown>;

export const args = (command: string): string => JSON.stringify({ command });

const RESPONSE = { id: "resp_1", object: "response", created_at: 1, model: "m", error: null };

export function response(status: string, output?: unknown): Json {
  return { response: { ...RESPONSE, status, ...(output === undefined ? {} : { output }) } };
}

/** A stream of responses whose events have these types and data, between its first and its last. */
export function responses(events: readonly [type: string, data: Json][], output?: unknown): string {
  const all: [string, Json][] = [["created", response("in_progress", [])], ...events];
  if (output !== null) all.push(["completed", response("completed", output)]);
  return all
    .map(([name, data], sequence_number) => {
      const type = `response.${name}`;
      return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...data })}\n\n`;
    })
    .join("");
}

export const begun = (item: Json): [string, Json] => ["output_item.added", { output_index: 0, item }];
export const ended = (item: Json): [string, Json] => ["output_item.done", { output_index: 0, item }];

export function functionCall(command: string | undefined, more: Json = {}): Json {
  const text = command === undefined ? "" : args(command);
  return { type: "function_call", id: "it_1", call_id: "call_1", name: "Bash", arguments: text, ...more };
}

/** A stream of chat/completions with these choices, a chunk each. */
export function chat(choices: readonly Json[], more: Json = {}): string {
  const chunks = choices.map((choice) => {
    const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "m", ...more };
    return `data: ${JSON.stringify({ ...chunk, choices: [{ index: 0, delta: {}, finish_reason: null, ...choice }] })}\n\n`;
  });
  return `${chunks.join("")}data: [DONE]\n\n`;
}

function clientOf(body: Uint8Array): OpenAI {
  const headers = { "content-type": "text/event-stream" };
  return new OpenAI({
    apiKey: "sk-none",
    baseURL: "http://127.0.0.1:9/v1",
    maxRetries: 0,
    logLevel: "off",
    fetch: async () => new Response(Buffer.from(body), { headers }),
  });
}

/** All that the client of openai reads of a stream: each event, what it puts together of them, and what it throws. */
export async function readByClient(dialect: Name, body: Uint8Array): Promise<{ read: string; thrown: string }> {
  const client = clientOf(body);
  const read: unknown[] = [];
  let thrown = "";
  const request = { model: "m", input: "Hi.", messages: [], stream: true as const };
  const ways = [
    async () => {
      const { chat, responses } = client;
      const stream = await (dialect === "openai-chat" ? chat.completions.create(request) : responses.create(request));
      for await (const event of stream) read.push(event);
    },
    async () => {
      const { model, input, messages } = request;
      if (dialect === "openai-chat") {
        const stream = client.chat.completions.stream({ model, messages });
        stream.on("chunk", (_, snapshot) => read.push(JSON.stringify(snapshot)));
        read.push(await stream.finalChatCompletion());
      } else {
        const stream = client.responses.stream({ model, input });
        stream.on("event", (event) => read.push(JSON.stringify(event)));
        read.push(await stream.finalResponse());
      }
    },
  ];
  for (const way of ways) {
    await way().catch((error: unknown) => {
      thrown += String(error);
    });
  }
  return { read: read.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join("\n"), thrown };
}

/** The stream as it comes out, whole and in pieces, and what the client reads of it. */
export async function passed(
  dialect: Name,
  text: string,
  decide: Decide,
): Promise<(Guarded & { read: string; thrown: string })[]> {
  const bytes = Buffer.from(text);
  const found: (Guarded & { read: string; thrown: string })[] = [];
  for (const size of [bytes.length, 11]) {
    const result = await guarded(dialect, inPieces(bytes, size), decide);
    found.push({ ...result, ...(await readByClient(dialect, result.bytes)) });
  }
  return found;
}
