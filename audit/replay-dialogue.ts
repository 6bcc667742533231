import { type DialogueNames, describeDialogue } from "./describe-dialogue.ts";
import type { EventRow } from "./event.ts";
import { harmless } from "./harmless.ts";
import { payloadOf } from "./stream-frames.ts";

/** Where an event stands in the tree of a session, and what is said of that. */
export interface Placed {
  /** How deep: a prompt is 0, its replies 1, tool calls 2, what those did 3. */
  depth: number;
  /** Follows the event's first line. */
  behind: string;
  /** Lines beneath it. */
  beneath: string[];
}

/** `payload.link` of an event, as far as somebody left it as it was. */
type Said = { strength?: unknown; candidates?: unknown; claims?: unknown };

const NOWHERE: Placed = { depth: 0, behind: "", beneath: [] };
/** Numbers that are remembered; what is older is told by its id. */
const NAMED = 10_000;
/** Events that wait for the reply that the first of them is part of. */
const WAITING = 200;

/**
 * Ties what happened in a session to its dialogue, event by event: prompt → reply → tool call → requests → results. A prompt
 * is numbered when it is told, and its tool calls beneath it, so that what runs side by side is told apart in any order.
 */
export class DialogueTree implements DialogueNames {
  readonly #prompts = new Map<string, { n: number; calls: number }>();
  readonly #calls = new Map<string, string>();
  /** Calls that were named before they were told: while they were held. */
  readonly #early = new Map<string, true>();
  /** Exchanges of which it was said what they come of. */
  readonly #told = new Map<string, true>();
  #count = 0;

  prompt(id: string): string {
    const known = this.#prompts.get(id);
    return known === undefined ? `prompt ${shown(id)}` : `prompt ${known.n}`;
  }

  call(id: string): string {
    return `call ${this.#calls.get(id) ?? shown(id)}`;
  }

  /** What an event of the dialogue says. */
  describe(event: EventRow): string[] {
    const { kind, prompt_id, tool_use_id } = event;
    if (kind === "dialogue.prompt" && !this.#prompts.has(prompt_id)) {
      this.#count++;
      remember(this.#prompts, prompt_id, { n: this.#count, calls: 0 });
    }
    // An id that a provider gives twice is another call each time; what a hold told of before is the same one.
    if (kind === "dialogue.tool_use" && !this.#early.delete(tool_use_id)) this.#name(prompt_id, tool_use_id);
    return describeDialogue(event, this);
  }

  #name(promptId: string, toolUseId: string): void {
    const prompt = this.#prompts.get(promptId);
    if (prompt === undefined) return;
    prompt.calls++;
    remember(this.#calls, toolUseId, `${prompt.n}.${prompt.calls}`);
  }

  place(event: EventRow): Placed {
    switch (event.kind) {
      case "dialogue.prompt":
        return { ...NOWHERE, depth: payloadOf(event).continues === undefined ? 0 : 1 };
      case "dialogue.reply":
        return { ...NOWHERE, depth: 1 };
      case "dialogue.tool_use":
        return { ...NOWHERE, depth: 2 };
      case "dialogue.tool_result":
        return { ...NOWHERE, depth: 3 };
      default:
        return this.#placed(event);
    }
  }

  #placed(event: EventRow): Placed {
    const { exchange_id, prompt_id, tool_use_id, kind } = event;
    if (event.verb === "tool" && tool_use_id !== "") return this.#held(event);
    const said = payloadOf(event).link;
    const link = typeof said === "object" && said !== null ? (said as Said) : undefined;
    if (prompt_id === "" && tool_use_id === "" && link === undefined) return NOWHERE;
    // Beneath what was told: a prompt that was refused, or one decision by itself, has nothing above it.
    const among = Array.isArray(link?.candidates) && link.candidates.some((id) => this.#calls.has(String(id)));
    const depth = this.#calls.has(tool_use_id) ? 3 : among || this.#prompts.has(prompt_id) ? 2 : 0;
    if (kind === "gather" || link === undefined || this.#told.has(exchange_id)) {
      return { depth, behind: tool_use_id === "" ? "" : ` (${this.call(tool_use_id)})`, beneath: [] };
    }
    remember(this.#told, exchange_id, true);
    return { depth, behind: "", beneath: [`  ${this.#because(event, link)}`] };
  }

  /** What became of a call that was held, before it is told itself. */
  #held({ prompt_id, tool_use_id, kind }: EventRow): Placed {
    if ((kind === "hold.opened" || kind === "hold.reattached") && !this.#early.has(tool_use_id)) {
      this.#name(prompt_id, tool_use_id);
      remember(this.#early, tool_use_id, true);
    }
    return { depth: 2, behind: ` (${this.call(tool_use_id)})`, beneath: [] };
  }

  #because({ tool_use_id, prompt_id }: EventRow, { strength, candidates, claims }: Said): string {
    const call = this.call(tool_use_id);
    const others = (Array.isArray(candidates) ? candidates : []).map((id) =>
      this.call(String(id)).slice("call ".length),
    );
    switch (strength) {
      case "exact":
        return `comes of ${call}: it alone says that it would ask this`;
      case "window":
        return `comes of ${call}: no other that could ask this was open`;
      case "claimed":
        return `? comes of ${call}, as the client claims (${claimed(claims)})${others.length === 0 ? "" : `; any of ${others.join(", ")} may have asked it`}`;
      default:
        if (others.length === 0) return `comes of no tool call: none that could ask this was open${also(claims)}`;
        return `? comes of one of the calls ${others.join(", ")}${prompt_id === "" ? "" : `, all of ${this.prompt(prompt_id)}`}: not told apart`;
    }
  }
}

function also(claims: unknown): string {
  return typeof claims === "object" && claims !== null ? `; the client claims ${claimed(claims)}` : "";
}

function claimed(claims: unknown): string {
  const parts = Object.entries(typeof claims === "object" && claims !== null ? claims : {});
  return harmless(parts.map(([name, value]) => `${name} ${String(value)}`).join(", "));
}

const shown = (id: string): string => harmless(id.slice(0, 80)) || "that is not known";

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  if (map.size >= NAMED && !map.has(key)) map.delete(map.keys().next().value ?? "");
  map.set(key, value);
}

/**
 * The same events with each reply before the tool calls that are part of it, and those in the order of the reply: a reply is on
 * record when it ends, each call when it was decided, and by then the first of them may be done. What waits for its reply is let
 * go after some events more.
 */
export async function* repliesFirst(
  events: Iterable<EventRow> | AsyncIterable<EventRow>,
): AsyncGenerator<EventRow, void> {
  const waiting: EventRow[] = [];
  const replies = new Map<string, EventRow>();
  for await (const event of events) {
    waiting.push(event);
    if (event.kind === "dialogue.reply") remember(replies, event.exchange_id, event);
    yield* ready(waiting, replies, WAITING);
  }
  yield* ready(waiting, replies, 0);
}

function* ready(waiting: EventRow[], replies: Map<string, EventRow>, most: number): Generator<EventRow, void> {
  for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
    if (first.kind === "dialogue.tool_use") {
      const reply = replies.get(first.exchange_id);
      if (reply === undefined && waiting.length <= most) return;
      if (reply !== undefined && waiting.includes(reply)) {
        yield* inOrder(waiting, reply);
        continue;
      }
    }
    yield first;
    waiting.shift();
  }
}

/** Takes a reply and its tool calls out of what waits. */
function inOrder(waiting: EventRow[], reply: EventRow): EventRow[] {
  const { toolCalls } = payloadOf(reply);
  const order = Array.isArray(toolCalls) ? toolCalls.map((one) => (one as { id?: unknown } | null)?.id) : [];
  const place = ({ tool_use_id }: EventRow): number => order.indexOf(tool_use_id);
  const calls = waiting.filter(
    ({ kind, exchange_id }) => kind === "dialogue.tool_use" && exchange_id === reply.exchange_id,
  );
  const taken = new Set([reply, ...calls]);
  const left = waiting.filter((one) => !taken.has(one));
  waiting.splice(0, waiting.length, ...left);
  return [reply, ...calls.sort((a, b) => place(a) - place(b))];
}
