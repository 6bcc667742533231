import type { EventRow } from "../../audit/event.ts";
import { type Call, kube, type Reply, send, spooled, until } from "../gateway/client.ts";
import type { ModelRig } from "./rig.ts";

/** A tool call as the scripted model writes it. */
export interface Scripted {
  id: string;
  name: string;
  input: object;
}
type Block = Record<string, unknown>;

/** Anthropic's stream of a reply that says `text` and calls tools. */
export function stream(text: string, tools: readonly Scripted[] = []): string {
  const event = (type: string, more: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const block = (index: number, start: object, delta: object): string =>
    event("content_block_start", { index, content_block: start }) +
    event("content_block_delta", { index, delta }) +
    event("content_block_stop", { index });
  const usage = { input_tokens: 12, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-x", content: [], usage };
  const offset = text === "" ? 0 : 1;
  return [
    event("message_start", { message: { ...message, stop_reason: null, stop_sequence: null } }),
    text === "" ? "" : block(0, { type: "text", text: "" }, { type: "text_delta", text }),
    ...tools.map(({ id, name, input }, i) =>
      block(
        i + offset,
        { type: "tool_use", id, name, input: {} },
        { type: "input_json_delta", partial_json: JSON.stringify(input) },
      ),
    ),
    event("message_delta", {
      delta: { stop_reason: tools.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
      usage: { output_tokens: 30 },
    }),
    event("message_stop", {}),
  ].join("");
}

/** An agent of one session: what it says to the model, and what it asks of the cluster. */
export class Agent {
  readonly #rig: ModelRig;
  readonly #token: string;
  readonly session: string;
  readonly messages: { role: "user" | "assistant"; content: string | Block[] }[] = [];

  private constructor(rig: ModelRig, token: string, session: string) {
    this.#rig = rig;
    this.#token = token;
    this.session = session;
  }

  /** An agent of a session of its own. */
  static async begin(rig: ModelRig, login = "agent"): Promise<Agent> {
    const body = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: await rig.token(login),
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const { json = {} } = await send(rig, "POST", "/session", { headers, body });
    return new Agent(rig, String(json.access_token), String(json.session_id));
  }

  /** Another agent of the same session. */
  helper(): Agent {
    return new Agent(this.#rig, this.#token, this.session);
  }

  /** A person's words; the model answers with the tool calls. */
  say(words: string, tools: readonly Scripted[], more: { text?: string; headers?: Call["headers"] } = {}) {
    this.messages.push({ role: "user", content: words });
    return this.#turn(tools, more);
  }

  /** What the tools gave; `words` of a person, or of the client, may come with it. */
  async results(
    results: Record<string, string | { error: string }>,
    tools: readonly Scripted[] = [],
    more: { text?: string; words?: string } = {},
  ) {
    const content: Block[] = Object.entries(results).map(([tool_use_id, given]) =>
      typeof given === "string"
        ? { type: "tool_result", tool_use_id, content: given }
        : { type: "tool_result", tool_use_id, content: given.error, is_error: true },
    );
    if (more.words !== undefined) content.push({ type: "text", text: more.words });
    this.messages.push({ role: "user", content });
    return this.#turn(tools, more);
  }

  /** A person's words, to which the model does not answer. */
  fails(words: string): Promise<Reply> {
    this.messages.push({ role: "user", content: words });
    const parts = ['{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'];
    this.#rig.provider.scripts = [{ status: 529, headers: { "content-type": "application/json" }, parts }];
    return this.#send({});
  }

  /** Sends what was sent last once more, as a client's retry does. */
  again(): Promise<Reply> {
    this.#rig.provider.scripts = [{ parts: [stream("ok")] }];
    return this.#send({});
  }

  async #turn(tools: readonly Scripted[], { text = "ok", headers = {} }: { text?: string; headers?: Call["headers"] }) {
    this.#rig.provider.scripts = [{ parts: [stream(text, tools)] }];
    const reply = await this.#send(headers);
    const calls = tools.map((tool) => ({ type: "tool_use", ...tool }));
    this.messages.push({ role: "assistant", content: [{ type: "text", text }, ...calls] });
    return reply;
  }

  #send(headers: Call["headers"]): Promise<Reply> {
    const body = { model: "claude-x", max_tokens: 1024, stream: true, messages: this.messages };
    return send(this.#rig, "POST", "/connections/claude/v1/messages", {
      token: this.#token,
      body,
      headers: { accept: "*/*", ...headers },
    });
  }

  /** Asks the cluster, and resolves with what the request's event says. */
  async kube(method: string, path: string, call: Call = {}): Promise<EventRow> {
    const { headers } = await kube(this.#rig, method, path, { ...call, token: this.#token });
    return this.event(({ exchange_id, kind }) => exchange_id === headers["audit-id"] && /outcome|refused/.test(kind));
  }

  /** What is on record of its session. */
  events(kind = ""): EventRow[] {
    return spooled(this.#rig).filter((event) => event.session_id === this.session && event.kind.startsWith(kind));
  }

  event(which: (event: EventRow) => boolean): Promise<EventRow> {
    return until(() => this.events().findLast(which));
  }

  /** The newest prompt with these words. */
  prompt(words: string): Promise<EventRow> {
    return this.event((event) => event.kind === "dialogue.prompt" && payload(event).prompt === words);
  }
}

export function payload(event: EventRow): Record<string, unknown> {
  return JSON.parse(event.payload) as Record<string, unknown>;
}

export const bash = (id: string, command: string, more: object = {}): Scripted => ({
  id,
  name: "Bash",
  input: { command, ...more },
});
