import type { RawNumber } from "../../../base/lossless-json.ts";
import type { KubernetesObject } from "../../types.ts";
import { malformed } from "../json.ts";
import { put, ZERO } from "./put.ts";
import { readForm } from "./read-form.ts";
import type { Field, Message, Scalar } from "./schema.ts";
import { BYTES, VARINT, WIRE_TYPES, WireReader } from "./wire.ts";

/** A message in a message is one or two levels of JSON, which end at 200. */
const DEPTH_LIMIT = 100;
/** Two bytes of protobuf can be a page of JSON (an item of a list of Deployments); real bodies of 3 MiB have some 60,000. */
const MESSAGES_LIMIT = 250_000;

/** Reads one body; counts what it makes. */
export class Decoder {
  readonly wire: WireReader;
  #depth = 0;
  #messages = 0;

  constructor(bytes: Uint8Array) {
    this.wire = new WireReader(bytes);
  }

  /** The message from here to the reader's end, as the JSON that Go prints of it. */
  message(message: Message): unknown {
    if (++this.#depth > DEPTH_LIMIT) throw malformed("its protobuf is nested too deeply");
    if (++this.#messages > MESSAGES_LIMIT) throw malformed(`its protobuf has more than ${MESSAGES_LIMIT} messages`);
    const value = message.form === undefined ? this.#struct(message) : readForm(this, message, message.form);
    this.#depth--;
    return value;
  }

  #struct(message: Message): KubernetesObject {
    const values = this.fields(message);
    const out: KubernetesObject = {};
    for (const field of message.fields) put(out, field, values[field.index], this.#absent);
    return out;
  }

  /** What an absent message stands for: its zero value. */
  readonly #absent = (message: Message): unknown => this.wire.absent(() => this.message(message));

  /** Each field's value by its index; undefined where it is absent. */
  fields(message: Message): unknown[] {
    const { wire } = this;
    const values: unknown[] = new Array(message.fields.length);
    while (wire.more()) {
      const tag = wire.tag();
      const field = message.byId.get(tag >>> 3);
      if (field === undefined) {
        this.#skip(message, tag);
        continue;
      }
      const before = values[field.index];
      if (field.shape === "list") values[field.index] = this.#items(field, tag & 7, before as unknown[] | undefined);
      else if (field.shape === "map") values[field.index] = this.#entry(field, tag & 7, before as object | undefined);
      // gogo takes the last, or merges: as with a key that stands twice in JSON, no encoder writes it.
      else if (before !== undefined) throw malformed(`field ${field.id} of ${shortName(message)} stands twice`);
      else values[field.index] = this.#value(field, tag & 7);
    }
    return values;
  }

  /**
   * gogo skips any field that it does not know. We refuse it: an API server newer than our schema would have understood
   * it. Only numbers that were taken out (they are never used again) may stand, with nothing in them: client-go before
   * 1.24 writes an empty clusterName into each ObjectMeta.
   */
  #skip(message: Message, tag: number): void {
    const id = tag >>> 3;
    const isRemoved = id > 0 && id < message.lastId;
    if (isRemoved && (tag & 7) === BYTES && this.wire.bytes().length === 0) return;
    if (isRemoved && (tag & 7) === VARINT && this.wire.integer() === 0) return;
    throw malformed(`field ${id} of ${shortName(message)} is not known here`);
  }

  #value(field: Field, wireType: number): unknown {
    const { message, scalar } = field;
    if (wireType !== WIRE_TYPES[scalar]) throw malformed(`field ${field.id} of its protobuf has another type`);
    if (message !== undefined) return this.wire.within(() => this.message(message));
    return this.#scalar(scalar);
  }

  #scalar(scalar: Scalar): string | number | boolean | RawNumber {
    switch (scalar) {
      case "string":
        return this.wire.string();
      case "bytes":
        return this.wire.base64();
      case "bool":
        return this.wire.bool();
      case "int32":
        return this.wire.int32();
      case "int64":
        return this.wire.integer();
      case "double":
        return this.wire.double();
    }
  }

  #items(field: Field, wireType: number, before: unknown[] | undefined): unknown[] | undefined {
    const isPacked = wireType === BYTES && WIRE_TYPES[field.scalar] !== BYTES;
    if (!isPacked) {
      const value = this.#value(field, wireType);
      if (before === undefined) return [value];
      before.push(value);
      return before;
    }
    return this.wire.within(() => {
      let items = before;
      while (this.wire.more()) {
        items ??= [];
        items.push(this.#scalar(field.scalar));
      }
      return items;
    });
  }

  #entry(field: Field, wireType: number, before: object | undefined): object {
    if (wireType !== BYTES) throw malformed(`field ${field.id} of its protobuf has another type`);
    const map = before ?? {};
    this.wire.within(() => {
      let key: string | undefined;
      let value: unknown;
      while (this.wire.more()) {
        const tag = this.wire.tag();
        if (tag === ((1 << 3) | BYTES) && key === undefined) key = this.wire.string();
        else if (tag >>> 3 === 2 && value === undefined) value = this.#value(field, tag & 7);
        else throw malformed(`an entry of field ${field.id} of its protobuf has more than a key and a value`);
      }
      key ??= "";
      if (Object.hasOwn(map, key)) throw malformed(`the key "${key.slice(0, 100)}" stands twice in one object`);
      // Not by assignment: a key of "__proto__" would set the prototype.
      const entry = value ?? this.#absentValue(field);
      if (key === "__proto__") Object.defineProperty(map, key, { value: entry, ...PLAIN });
      else (map as Record<string, unknown>)[key] = entry;
    });
    return map;
  }

  #absentValue({ message, scalar }: Field): unknown {
    if (message !== undefined) return this.#absent(message);
    return scalar === "bytes" ? "" : ZERO[scalar];
  }
}

const PLAIN = { writable: true, enumerable: true, configurable: true };

function shortName({ name }: Message): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
