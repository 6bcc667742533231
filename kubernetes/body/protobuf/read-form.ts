import { decodeUtf8, malformed, parseStrictJson } from "../json.ts";
import type { Decoder } from "./decoder.ts";
import type { Form, Message } from "./schema.ts";
import { BYTES, VARINT, type WireReader } from "./wire.ts";

/** Reads the fields of a message that is written by hand in Go, each at most once: `read` is called for those there are. */
function each(wire: WireReader, types: Record<number, number>, read: (id: number) => void): void {
  const seen = new Set<number>();
  while (wire.more()) {
    const tag = wire.tag();
    const id = tag >>> 3;
    if (types[id] !== (tag & 7) || seen.has(id)) throw malformed("a value of its protobuf has another form");
    seen.add(id);
    read(id);
  }
}

/** What resource.ParseQuantity takes, less what nobody writes ("-", ".", a thousand digits of exponent). */
const QUANTITY = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3})?$/;

function quantity(wire: WireReader): string {
  let text = "0";
  each(wire, { 1: BYTES }, () => {
    text = wire.string();
  });
  // ParseInt and big.Int take time with the square of the digits.
  if (text.length > 100 || !QUANTITY.test(text)) throw malformed("a quantity in its protobuf cannot be read");
  return text;
}

function intOrString(wire: WireReader): number | string {
  let type = 0;
  let number = 0;
  let text = "";
  each(wire, { 1: VARINT, 2: VARINT, 3: BYTES }, (id) => {
    if (id === 1) type = wire.int32();
    else if (id === 2) number = wire.int32();
    else text = wire.string();
  });
  if (type !== 0 && type !== 1) throw malformed("a value of its protobuf is neither a number nor a string");
  return type === 0 ? number : text;
}

/** 0001-01-01T00:00:00Z: Go's zero time, which is null in JSON. */
const ZERO_SECONDS = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;

/** meta/v1 Timestamp. A Time has whole seconds, also where nanoseconds were sent (time_proto.go). */
function time(wire: WireReader, isMicro: boolean): string | null {
  if (!wire.more()) return null;
  let seconds = 0;
  let nanos = 0;
  each(wire, { 1: VARINT, 2: VARINT }, (id) => {
    if (id === 1) {
      const value = wire.integer();
      if (typeof value !== "number" || value < ZERO_SECONDS || value > LAST_SECOND)
        throw malformed("a time is out of range");
      seconds = value;
    } else nanos = wire.int32();
  });
  if (nanos < 0 || nanos > 999_999_999) throw malformed("a time is out of range");
  const micros = isMicro ? Math.floor(nanos / 1000) : 0;
  if (seconds === ZERO_SECONDS && micros === 0) return null;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return isMicro ? `${text}.${String(micros).padStart(6, "0")}Z` : `${text}Z`;
}

/** JSON in protobuf. The nested `k8s\0` of a List's items stands in no body that the API server takes. */
function rawJson(wire: WireReader, isEmptyNull: boolean): unknown {
  let raw: Buffer | undefined;
  each(wire, { 1: BYTES }, () => {
    raw = wire.bytes();
  });
  if (raw === undefined || (raw.length === 0 && isEmptyNull)) return null;
  return parseStrictJson(decodeUtf8(raw));
}

function items(wire: WireReader): string[] {
  const found: string[] = [];
  while (wire.more()) {
    if (wire.tag() !== ((1 << 3) | BYTES)) throw malformed("a list of its protobuf has another form");
    found.push(wire.string());
  }
  return found;
}

/** JSONSchemaPropsOr… of CRDs: a schema, or else what stands in its place (apiextensions' marshal.go). */
function schemaOr(decoder: Decoder, message: Message, form: Form): unknown {
  const [first, second] = decoder.fields(message);
  if (form === "schemaOrBool") return second ?? first ?? false;
  return second ?? first ?? null;
}

/** The JSON of a message whose Go type has a MarshalJSON of its own. */
export function readForm(decoder: Decoder, message: Message, form: Form): unknown {
  const { wire } = decoder;
  switch (form) {
    case "quantity":
      return quantity(wire);
    case "intOrString":
      return intOrString(wire);
    case "time":
      return time(wire, false);
    case "microTime":
      return time(wire, true);
    case "fieldsV1":
    case "json":
      return rawJson(wire, true);
    case "rawExtension":
      return rawJson(wire, false);
    case "items":
      return items(wire);
    case "schemaOrArray":
    case "schemaOrBool":
    case "schemaOrStringArray":
      return schemaOr(decoder, message, form);
  }
}
