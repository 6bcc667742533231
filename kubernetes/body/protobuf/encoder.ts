import protobuf from "protobufjs/minimal.js";
import { Refusal } from "../../../base/errors.ts";
import { isRawNumber } from "../../../base/lossless-json.ts";
import type { Field, Message, Scalar } from "./schema.ts";
import { BYTES, WIRE_TYPES } from "./wire.ts";
import { writeForm } from "./write-form.ts";

/** The path is all that is said of a value: it may be what was to be masked. */
export function unwritable(field: string): Refusal {
  return new Refusal("not-acceptable", `the answer cannot be written in protobuf: ${field} has another type`, {
    next: "Accept application/json.",
  });
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Writes one message from the JSON that Go prints of it: what `Decoder` reads, the other way. */
export class Encoder {
  readonly writer = protobuf.Writer.create();

  finish(message: Message, value: unknown): Uint8Array {
    this.message(message, value, message.name);
    return this.writer.finish();
  }

  message(message: Message, value: unknown, name: string): void {
    if (message.form !== undefined) writeForm(this, message, message.form, value, name);
    else if (isObject(value)) for (const field of message.fields) this.#field(field, value);
    else throw unwritable(name);
  }

  /** One field with its tag. */
  value(field: Field, value: unknown, name: string): void {
    const { message, scalar } = field;
    this.writer.uint32((field.id << 3) | WIRE_TYPES[scalar]);
    if (message !== undefined) this.within(() => this.message(message, value, name));
    else this.#scalar(scalar, value, name);
  }

  within(write: () => void): void {
    this.writer.fork();
    write();
    this.writer.ldelim();
  }

  #field(field: Field, object: Record<string, unknown>): void {
    const { json, shape } = field;
    if (json === "") {
      this.value(field, object, "");
      return;
    }
    const value = Object.hasOwn(object, json) ? object[json] : undefined;
    if (value === undefined || (value === null && !isNullSaid(field))) return;
    if (shape === "one") this.value(field, value, json);
    else if (shape === "list") this.list(field, value, json);
    else this.#map(field, value, json);
  }

  list(field: Field, value: unknown, name: string): void {
    if (!Array.isArray(value)) throw unwritable(name);
    for (const item of value) this.value(field, item, name);
  }

  #map(field: Field, value: unknown, name: string): void {
    if (!isObject(value)) throw unwritable(name);
    for (const [key, item] of Object.entries(value)) {
      this.writer.uint32((field.id << 3) | BYTES);
      this.within(() => {
        this.writer.uint32((1 << 3) | BYTES).string(key);
        if (item !== null) this.value({ ...field, id: 2 }, item, name);
      });
    }
  }

  #scalar(scalar: Scalar, value: unknown, name: string): void {
    const { writer } = this;
    if (scalar === "string" && typeof value === "string") writer.string(value.toWellFormed());
    else if (scalar === "bytes" && typeof value === "string" && BASE64.test(value)) {
      writer.bytes(Buffer.from(value, "base64"));
    } else if (scalar === "bool" && typeof value === "boolean") writer.bool(value);
    else if (scalar === "double" && typeof value === "number") writer.double(value);
    else if (scalar === "int32" && isInt32(value)) writer.int32(value);
    else if (scalar === "int64" && Number.isSafeInteger(value)) writer.int64(value as number);
    else if (scalar === "int64" && isRawNumber(value)) writer.int64(int64(value.rawJSON, name));
    else if (scalar === "double" && isRawNumber(value)) writer.double(Number(value.rawJSON));
    else throw unwritable(name);
  }
}

/** Whether Go prints null for what is there, and nothing for what is not: a pointer to JSON that is null, or to no time. */
function isNullSaid({ message, pointer, empty }: Field): boolean {
  return pointer && empty !== "keep" && NULL_FORMS.has(message?.form);
}
const NULL_FORMS = new Set<Message["form"]>(["json", "time", "microTime"]);

function isInt32(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value;
}

/** As a string: protobufjs takes numbers beyond 2^53 so. */
function int64(text: string, name: string): string {
  if (!/^-?\d{1,19}$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) throw unwritable(name);
  return text;
}
