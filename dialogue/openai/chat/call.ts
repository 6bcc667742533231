import { BrokenReply } from "../../sse/guard-stream.ts";
import { indexOf, type JsonObject, objectOf, refuseLookalikes, refuseUnknown, textOf } from "../fields.ts";
import { type PendingCall, type ReadCall, readArguments, readCall } from "../tool-calls.ts";

/** Where a call of the dialect before `tools` stands: it has neither index nor id. */
export const LEGACY = -1;
/** Calls of one choice, as the `openai` package has it. */
const INDEX_LIMIT = 128;
const NAMES = new Set(["index", "id", "type", "function", "custom", "name", "arguments", "input"]);

const ENTRY = new Set(["index", "id", "type", "function", "custom"]);
const FUNCTION = new Set(["name", "arguments"]);
const CUSTOM = new Set(["name", "input"]);

/** A piece of a tool call: one entry of `delta.tool_calls`, or `delta.function_call`. */
export interface CallPiece {
  /** Its `index`, or LEGACY. */
  at: number;
  id: string;
  type: "function" | "custom" | undefined;
  name: string;
  text: string;
}

function oneOf(entry: JsonObject): Pick<CallPiece, "type" | "name" | "text"> {
  const called = objectOf(entry, "function");
  const custom = objectOf(entry, "custom");
  if (called !== undefined && custom !== undefined) throw new BrokenReply("a tool call is of two types");
  const body = called ?? custom ?? {};
  refuseLookalikes(body, NAMES);
  refuseUnknown(body, called === undefined ? CUSTOM : FUNCTION);
  // Some providers write an empty one in all pieces but the first: it says no more than none.
  const type = textOf(entry, "type") || (called ? "function" : custom ? "custom" : undefined);
  if (type !== undefined && type !== "function" && type !== "custom") {
    throw new BrokenReply("a tool call is of a type that nobody knows");
  }
  if ((type === "function" && custom !== undefined) || (type === "custom" && called !== undefined)) {
    throw new BrokenReply("a tool call is of two types");
  }
  const text = textOf(body, called === undefined ? "input" : "arguments") ?? "";
  return { type, name: textOf(body, "name") ?? "", text };
}

/** Reads an entry of `tool_calls`; `at` where whole replies have none. */
export function readPiece(entry: JsonObject, at?: number): CallPiece {
  refuseLookalikes(entry, NAMES);
  refuseUnknown(entry, ENTRY);
  return { at: at ?? indexOf(entry, "index", INDEX_LIMIT), id: textOf(entry, "id") ?? "", ...oneOf(entry) };
}

export function readLegacyPiece(call: JsonObject): CallPiece {
  refuseLookalikes(call, NAMES);
  refuseUnknown(call, FUNCTION);
  return {
    at: LEGACY,
    id: "",
    type: "function",
    name: textOf(call, "name") ?? "",
    text: textOf(call, "arguments") ?? "",
  };
}

/** A tool call as its pieces come. */
export class ChatCall {
  readonly at: number;
  readonly #index: number;
  #id = "";
  #type: "function" | "custom" | undefined;
  #name = "";
  #text = "";
  /** Once it is whole. */
  pending: PendingCall | undefined;
  /** Whether the client has got what stands for it. */
  shown = false;

  /** `index`: the how-manieth call of the reply it is. */
  constructor(at: number, index: number) {
    this.at = at;
    this.#index = index;
  }

  /** Clients take the last id, name and type, or join them: they may come again, but not others. */
  add(piece: CallPiece, limit: number): void {
    this.#id = only(this.#id, piece.id, "id");
    this.#name = only(this.#name, piece.name, "name");
    if (piece.type !== undefined && this.#type !== undefined && piece.type !== this.#type) {
      throw new BrokenReply("a tool call changed its type");
    }
    this.#type ??= piece.type;
    this.#text += piece.text;
    if (this.#text.length > limit) throw new BrokenReply(`a tool call has arguments of more than ${limit} characters`);
  }

  /** Its id is the name where the dialect has none, as in the message with its result. */
  whole(): ReadCall {
    const id = this.at === LEGACY ? this.#name : this.#id;
    const read = this.#type === "custom" ? { arguments: { input: this.#text } } : readArguments(this.#text);
    return readCall({ id, name: this.#name, text: this.#text, index: this.#index }, read);
  }

  /** The function or custom part of the call with other arguments. */
  rewritten(replacement: Record<string, unknown>): JsonObject {
    if (this.#type !== "custom") return { name: this.#name, arguments: JSON.stringify(replacement) };
    const { input } = replacement;
    return { name: this.#name, input: typeof input === "string" ? input : JSON.stringify(replacement) };
  }

  /** As an entry of `tool_calls`. */
  entry(replacement: Record<string, unknown>): JsonObject {
    const type = this.#type ?? "function";
    return { id: this.#id, type, [type]: this.rewritten(replacement) };
  }

  get decided(): boolean {
    return this.pending?.verdict !== undefined;
  }

  get replaced(): boolean {
    return this.pending?.verdict?.effect === "replace";
  }
}

function only(known: string, said: string, what: string): string {
  if (known !== "" && said !== "" && known !== said) throw new BrokenReply(`a tool call changed its ${what}`);
  return known === "" ? said : known;
}
