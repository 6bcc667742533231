import { BrokenReply } from "../../sse/guard-stream.ts";
import { countOf, indexOf, type JsonObject, objectOf, refuseLookalikes, textOf } from "../fields.ts";
import { mayBringCall, typesOfItem } from "./events.ts";
import { HeldItem } from "./held-item.ts";
import { ITEM_NAMES, itemKind, placeName } from "./items.ts";

const ITEMS_LIMIT = 10_000;

/** An item that is no call: it passes as it comes. */
export interface Passing {
  type: string;
  id: string | undefined;
  ended: boolean;
}

/** The items of a response's output, as their events begin, fill and end them. */
export class OutputItems {
  readonly #limit: number;
  readonly #items = new Map<number, HeldItem | Passing>();
  readonly #ids = new Map<string, HeldItem | Passing>();

  /** `limit`: characters of a call's arguments. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get held(): HeldItem[] {
    return [...this.#items.values()].filter((item) => item instanceof HeldItem);
  }

  has(at: number): boolean {
    return this.#items.has(at);
  }

  /** `response.output_item.added`. */
  begin(event: JsonObject, responseId: string | undefined): HeldItem | Passing {
    const { at, item } = readItem(event);
    if (this.#items.has(at)) throw new BrokenReply("an item began twice");
    return this.#add(at, item, responseId);
  }

  #add(at: number, item: JsonObject, responseId: string | undefined): HeldItem | Passing {
    const begun =
      itemKind(item) === "call"
        ? new HeldItem(at, placeName(responseId, at), item, this.#limit)
        : { type: String(item.type), id: textOf(item, "id"), ended: false };
    this.#items.set(at, begun);
    if (begun.id) {
      const other = this.#ids.get(begun.id);
      if (other !== undefined && (other instanceof HeldItem || begun instanceof HeldItem)) {
        throw new BrokenReply("two items have one id");
      }
      this.#ids.set(begun.id, begun);
    }
    return begun;
  }

  /** The item that an event between its first and last is of; undefined where the event is of none. */
  of(type: string, event: JsonObject): HeldItem | Passing | undefined {
    const types = typesOfItem(type);
    const at = countOf(event, "output_index");
    const item = at === undefined ? undefined : this.#items.get(at);
    const id = textOf(event, "item_id");
    const named = id === undefined ? undefined : this.#ids.get(id);
    if (named !== undefined && named !== item) throw new BrokenReply("an event is of two items");
    if (item === undefined) {
      if (types === undefined ? mayBringCall(event) : types.some((name) => itemKind({ type: name }) === "call")) {
        throw new BrokenReply("an event of a tool call came before the call");
      }
      return undefined;
    }
    if (types !== undefined ? !types.includes(item.type) : !(item instanceof HeldItem) && mayBringCall(event)) {
      throw new BrokenReply("an event is of another type than its item");
    }
    return item;
  }

  /** `response.output_item.done`. Some providers send nothing before it. */
  end(event: JsonObject, responseId: string | undefined): { at: number; item: JsonObject; begun: HeldItem | Passing } {
    const { at, item } = readItem(event);
    const begun = this.#items.get(at) ?? this.#add(at, item, responseId);
    if ((itemKind(item) === "call") !== begun instanceof HeldItem) throw new BrokenReply("an item changed its type");
    if (begun instanceof HeldItem) {
      begun.end(item);
      return { at, item, begun };
    }
    if (begun.type !== item.type) throw new BrokenReply("an item changed its type");
    if (begun.ended) throw new BrokenReply("an item ended twice");
    begun.ended = true;
    return { at, item, begun };
  }
}

function readItem(event: JsonObject): { at: number; item: JsonObject } {
  const item = objectOf(event, "item");
  if (item === undefined) throw new BrokenReply("an item is missing");
  refuseLookalikes(item, ITEM_NAMES);
  return { at: indexOf(event, "output_index", ITEMS_LIMIT), item };
}
