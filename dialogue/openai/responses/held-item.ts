import { BrokenReply } from "../../sse/guard-stream.ts";
import { indexOf, type JsonObject, listOf, objectOf, textOf } from "../fields.ts";
import type { PendingCall } from "../tool-calls.ts";
import { callId, ITEM_NAMES, textKey } from "./items.ts";
import { afterEnd, differs, SaidText } from "./said-text.ts";
import { isBeginning } from "./same-call.ts";

/** Members of every event of an item, which say nothing of what it does. */
const COMMON = new Set(["type", "sequence_number", "output_index", "item_id", "obfuscation", "status"]);
/** The same of pieces: gateways before us add some, and a call's name and id are compared. */
const OF_PIECES = new Set([...COMMON, "name", "call_id", "response_id", "event_id", "content_index", "logprobs"]);

/**
 * A call as its events come. A client may take it from the pieces, from the event that ends them, from the item or from
 * the response: they must all say the same.
 */
export class HeldItem {
  readonly at: number;
  readonly name: string;
  readonly #first: JsonObject;
  #item: JsonObject | undefined;
  readonly #limit: number;
  #size = 0;
  readonly #text: SaidText;
  readonly #commands: SaidText[] = [];
  readonly #diff = new SaidText();
  pending: PendingCall | undefined;
  /** Whether the client has got what stands for it. */
  shown = false;
  /** Its own events did not end: it is whole by the response that it stands in. */
  isCut = false;

  /** `name`: what tells its place from every other one. */
  constructor(at: number, name: string, first: JsonObject, limit: number) {
    this.at = at;
    this.name = name;
    this.#first = first;
    this.#limit = limit;
    const key = textKey(first.type);
    this.#text = new SaidText(key === undefined ? "" : textOf(first, key));
  }

  /** The whole item; only once it is. */
  get item(): JsonObject {
    return this.#item ?? this.#first;
  }

  get isWhole(): boolean {
    return this.#item !== undefined;
  }

  get type(): string {
    return String(this.#first.type);
  }

  get id(): string | undefined {
    return textOf(this.#first, "id");
  }

  get decided(): boolean {
    return this.pending?.verdict !== undefined;
  }

  /** An event between its first and its last. */
  event(type: string, event: JsonObject): void {
    if (this.isWhole) throw afterEnd();
    const [, what, step] = /^response\.(.+)\.(\w+)$/.exec(type) ?? [];
    const key = textKey(this.type);
    for (const name of ["name", "call_id"]) {
      if ((event[name] ?? this.#first[name]) !== this.#first[name]) {
        throw new BrokenReply(`a tool call changed its ${name}`);
      }
    }
    if (what === "function_call_arguments" || what === "custom_tool_call_input") {
      if (key === undefined || `${this.type}_${key}` !== what)
        throw new BrokenReply("a piece is of another type than its call");
      this.#say(this.#text, step, event, key);
    } else if (what === "shell_call_command" && this.type === "shell_call") {
      this.#command(step, event);
    } else if (what === "apply_patch_call_operation_diff" && this.type === "apply_patch_call") {
      this.#say(this.#diff, step, event, "diff");
    } else refuseMore(event, COMMON);
  }

  #say(text: SaidText, step: string | undefined, event: JsonObject, key: string): void {
    if (step === "delta") text.add(this.#counted(piece(event, "delta")));
    else if (step === "done") {
      const whole = textOf(event, key) ?? "";
      text.end(text.length === 0 ? this.#counted(whole) : whole);
    } else throw unreadable();
    refuseMore(event, OF_PIECES, step === "delta" ? "delta" : key);
    if (text.length > this.#limit) throw tooLong(this.#limit);
  }

  #command(step: string | undefined, event: JsonObject): void {
    const { command_index: _index, ...rest } = event;
    const count = this.#commands.length;
    const at = indexOf(event, "command_index", count + (step === "added" ? 1 : 0));
    if (step === "added" && at < count) throw new BrokenReply("command_index stands for two commands");
    if (step === "added") {
      refuseMore(rest, OF_PIECES, "command");
      this.#commands.push(new SaidText(this.#counted(piece(event, "command"))));
    } else this.#say(this.#commands[at] as SaidText, step, rest, "command");
  }

  /** Its last event. `cut`: the response ended before; the pieces may be the beginning of it. */
  end(item: JsonObject, cut = false): void {
    if (this.#item !== undefined) throw new BrokenReply("a tool call ended twice");
    for (const key of ["type", "name", "namespace", "server_label"]) {
      if ((this.#first[key] ?? item[key]) !== item[key]) {
        throw new BrokenReply(`a tool call changed its ${key}`);
      }
    }
    if (callId(this.#first) !== callId(item) || (this.id ?? "") !== (textOf(item, "id") ?? this.id ?? "")) {
      throw new BrokenReply("a tool call changed its id");
    }
    const key = textKey(item.type);
    if (key !== undefined) this.#text.check(textOf(item, key) ?? "", cut);
    for (const name of Object.keys(this.#first)) {
      if (name === "status" || name === "id" || name === key) continue;
      if (!isBeginning(this.#first[name], item[name]))
        throw new BrokenReply(`a tool call changed its ${ITEM_NAMES.has(name) ? name : "fields"}`);
    }
    if (this.#commands.length > 0) {
      const commands = listOf(objectOf(item, "action") ?? {}, "commands");
      if (commands.length < this.#commands.length || (!cut && commands.length > this.#commands.length)) throw differs();
      for (const [i, command] of this.#commands.entries()) command.check(commands[i], cut);
    }
    if (this.type === "apply_patch_call") this.#diff.check(objectOf(item, "operation")?.diff ?? "", cut);
    this.#counted(JSON.stringify(item));
    this.#item = item;
    this.isCut = cut;
  }

  #counted(text: string): string {
    this.#size += text.length;
    if (this.#size > this.#limit * 2) throw tooLong(this.#limit);
    return text;
  }
}

/** Clients add up what stands there, and `undefined` is a word too. */
function piece(event: JsonObject, key: string): string {
  const text = textOf(event, key);
  if (text === undefined) throw new BrokenReply("a piece of a call has no text");
  return text;
}

/** Refuses an event that says more than it may, `but` for one member. */
function refuseMore(event: JsonObject, known: ReadonlySet<string>, but?: string): void {
  for (const name of Object.keys(event)) {
    if (name !== but && !known.has(name) && event[name] !== null) throw unreadable();
  }
}

function unreadable(): BrokenReply {
  return new BrokenReply("an event of a tool call cannot be read");
}

function tooLong(limit: number): BrokenReply {
  return new BrokenReply(`a tool call has arguments of more than ${limit} characters`);
}
