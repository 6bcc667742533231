import protobuf from "protobufjs/minimal.js";
import type { Message } from "../../kubernetes/body/protobuf/schema.ts";
import type { Random } from "./random.ts";

interface Part {
  tag: number;
  /** Of a length-delimited field, what it holds; of another, its bytes without the tag. */
  value: Uint8Array;
}

const BYTES = 2;
const NUMBERS = ["0", "1", "2", "-1", "127", "128", "2147483647", "2147483648", "-62135596800", "9223372036854775807"];
const TEXTS = [
  "",
  "0",
  "1Gi",
  "-.5e3",
  "1Ki1",
  "{}",
  "null",
  '{"a":1.0}',
  "é",
  "\uFFFD",
  "__proto__",
  "2024-01-01T00:00:00Z",
];

/** Undefined where it is no protobuf: an earlier damage put text in its place. */
function split(bytes: Uint8Array): Part[] | undefined {
  try {
    return partsOf(bytes);
  } catch {
    return undefined;
  }
}

function partsOf(bytes: Uint8Array): Part[] {
  const reader = protobuf.Reader.create(bytes);
  const parts: Part[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const start = reader.pos;
    if ((tag & 7) === BYTES) parts.push({ tag, value: reader.bytes() });
    else {
      reader.skipType(tag & 7);
      parts.push({ tag, value: bytes.subarray(start, reader.pos) });
    }
  }
  return parts;
}

function join(parts: Part[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { tag, value } of parts) {
    writer.uint32(tag);
    if ((tag & 7) === BYTES) writer.bytes(value);
    else writer.raw(value);
  }
  return writer.finish();
}

function otherValue(random: Random, { tag, value }: Part): Uint8Array {
  if ((tag & 7) === BYTES) return random.chance(0.3) ? new Uint8Array(0) : Buffer.from(random.pick(TEXTS));
  return (tag & 7) === 0 ? protobuf.Writer.create().int64(random.pick(NUMBERS)).finish() : value;
}

/**
 * Damages whole fields of a valid message: left out, repeated, in another order, empty, or with another value. Unlike
 * with damaged bytes, most of what comes out is protobuf that other encoders than Go's could have written.
 */
export function mutateMessage(random: Random, message: Message | undefined, bytes: Uint8Array): Uint8Array {
  const parts = split(bytes);
  const at = random.below(parts?.length ?? 0);
  const part = parts?.[at];
  if (parts === undefined || part === undefined) return bytes;
  const field = message?.byId.get(part.tag >>> 3);
  const inner = field?.shape === "map" ? undefined : field?.message;
  const isMessage = inner !== undefined && (inner.fields.length > 0 || field?.shape === "map");
  if (isMessage && part.value.length > 0 && random.chance(0.75)) {
    parts[at] = { ...part, value: mutateMessage(random, inner, part.value) };
    return join(parts);
  }
  switch (random.below(5)) {
    case 0:
    case 1:
      parts.splice(at, 1);
      break;
    case 2:
      parts.splice(random.below(parts.length + 1), 0, part);
      break;
    case 3:
      parts.reverse();
      break;
    default:
      parts[at] = { ...part, value: otherValue(random, part) };
  }
  return join(parts);
}
