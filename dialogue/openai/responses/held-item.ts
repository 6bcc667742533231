import { BrokenReply } from "../../sse/guard-stream.ts";
import { indexOf, type JsonObject, listOf, objectOf, textOf } from "../fields.ts";
import type { PendingCall } from "../tool-calls.ts";
import { callId, textKey } from "./items.ts";

/** Members of every event of an item, which say nothing of what it does. */
const COMMON = new Set(["type", "sequence_number", "output_index", "item_id", "obfuscation", "status"]);

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
  #pieces = "";
  #commands: string[] = [];
  #diff = "";
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
    const [, what, step] = /^response\.(.+)\.(\w+)$/.exec(type) ?? [];
    const key = textKey(this.type);
    if (what === "function_call_arguments" || what === "custom_tool_call_input") {
      if (key === undefined || `${this.type}_${key}` !== what)
        throw new BrokenReply("a piece is of another type than its call");
      if (step === "delta") this.#pieces += this.#counted(textOf(event, "delta"));
      else if (step === "done") this.#agrees(this.#pieces, textOf(event, key) ?? "");
    } else if (what === "shell_call_command" && this.type === "shell_call") {
      this.#command(step, event);
    } else if (what === "apply_patch_call_operation_diff" && this.type === "apply_patch_call") {
      if (step === "delta") this.#diff += this.#counted(textOf(event, "delta"));
      else this.#agrees(this.#diff, textOf(event, "diff") ?? "");
    } else if (Object.keys(event).some((name) => !COMMON.has(name))) {
      throw new BrokenReply("an event of a tool call cannot be read");
    }
  }

  #command(step: string | undefined, event: JsonObject): void {
    const at = indexOf(event, "command_index", this.#commands.length + (step === "added" ? 1 : 0));
    if (step === "added") this.#commands[at] = this.#counted(textOf(event, "command"));
    else if (step === "delta") this.#commands[at] += this.#counted(textOf(event, "delta"));
    else this.#agrees(this.#commands[at] ?? "", textOf(event, "command") ?? "");
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
    if (key !== undefined) {
      const whole = textOf(item, key) ?? "";
      const begun = textOf(this.#first, key) ?? "";
      const said = this.#pieces === "" ? begun : whole === this.#pieces ? whole : begun + this.#pieces;
      if (this.#pieces === "" || cut ? !whole.startsWith(said) : whole !== said) throw differs();
    }
    if (this.#commands.length > 0) {
      const commands = listOf(objectOf(item, "action") ?? {}, "commands");
      if (commands.length < this.#commands.length || (!cut && commands.length > this.#commands.length)) throw differs();
      for (const [i, command] of this.#commands.entries()) this.#agrees(command, commands[i], cut);
    }
    if (this.#diff !== "") this.#agrees(this.#diff, objectOf(item, "operation")?.diff, cut);
    this.#counted(JSON.stringify(item));
    this.#item = item;
    this.isCut = cut;
  }

  /** A text came whole: it is what its pieces were, where there were any. */
  #agrees(pieces: string, whole: unknown, cut = false): void {
    if (typeof whole !== "string") throw differs();
    if (pieces !== "" && (cut ? !whole.startsWith(pieces) : whole !== pieces)) throw differs();
    if (whole.length > this.#limit) throw tooLong(this.#limit);
  }

  #counted(text: string | undefined): string {
    this.#size += text?.length ?? 0;
    if (this.#size > this.#limit * 2) throw tooLong(this.#limit);
    if (this.#pieces.length > this.#limit) throw tooLong(this.#limit);
    return text ?? "";
  }
}

function differs(): BrokenReply {
  return new BrokenReply("a tool call is not what its pieces were");
}

function tooLong(limit: number): BrokenReply {
  return new BrokenReply(`a tool call has arguments of more than ${limit} characters`);
}
