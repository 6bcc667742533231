import { type Encoder, unwritable } from "./encoder.ts";
import type { Field, Form, Message } from "./schema.ts";
import { BYTES, VARINT } from "./wire.ts";

const INSTANT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** An empty message is Go's zero time. */
function time(encoder: Encoder, value: unknown, isMicro: boolean, name: string): void {
  if (value === null) return;
  const match = typeof value === "string" ? INSTANT.exec(value) : null;
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`) / 1000;
  if (Number.isNaN(seconds)) throw unwritable(name);
  encoder.writer.uint32((1 << 3) | VARINT).int64(seconds);
  const micros = Number((match?.[2] ?? "").padEnd(6, "0").slice(0, 6));
  if (isMicro && micros > 0) encoder.writer.uint32((2 << 3) | VARINT).int32(micros * 1000);
}

function intOrString(encoder: Encoder, value: unknown, name: string): void {
  const { writer } = encoder;
  if (typeof value === "number" && (value | 0) === value) writer.uint32((2 << 3) | VARINT).int32(value);
  else if (typeof value === "string") {
    writer.uint32((1 << 3) | VARINT).int32(1);
    writer.uint32((3 << 3) | BYTES).string(value);
  } else throw unwritable(name);
}

function quantity(encoder: Encoder, value: unknown, name: string): void {
  if (typeof value !== "string" && typeof value !== "number") throw unwritable(name);
  encoder.writer.uint32((1 << 3) | BYTES).string(String(value));
}

function items(encoder: Encoder, value: unknown, name: string): void {
  if (!Array.isArray(value)) throw unwritable(name);
  for (const item of value) {
    if (typeof item !== "string") throw unwritable(name);
    encoder.writer.uint32((1 << 3) | BYTES).string(item);
  }
}

function schemaOr(encoder: Encoder, { fields }: Message, form: Form, value: unknown, name: string): void {
  const [first, second] = fields as [Field, Field];
  if (form === "schemaOrBool") {
    encoder.value(first, value !== false, name);
    if (typeof value !== "boolean") encoder.value(second, value, name);
  } else if (Array.isArray(value)) encoder.list(second, value, name);
  else if (value !== null) encoder.value(first, value, name);
}

/** Writes a message whose Go type has a MarshalJSON of its own: what `readForm` reads, the other way. */
export function writeForm(encoder: Encoder, message: Message, form: Form, value: unknown, name: string): void {
  switch (form) {
    case "quantity":
      quantity(encoder, value, name);
      break;
    case "intOrString":
      intOrString(encoder, value, name);
      break;
    case "time":
      time(encoder, value, false, name);
      break;
    case "microTime":
      time(encoder, value, true, name);
      break;
    case "fieldsV1":
    case "json":
    case "rawExtension":
      encoder.writer.uint32((1 << 3) | BYTES).string(JSON.stringify(value).toWellFormed());
      break;
    case "items":
      items(encoder, value, name);
      break;
    case "schemaOrArray":
    case "schemaOrBool":
    case "schemaOrStringArray":
      schemaOr(encoder, message, form, value, name);
      break;
  }
}
