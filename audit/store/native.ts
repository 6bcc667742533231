import { STORE_CODES, StoreError } from "./store-error.ts";

/** From then on a block begins with its BlockInfo, and each column says whether it is serialised in its own way. */
const CUSTOM_SERIALIZATION = 54_454;
/** Field 1, is_overflows: no; field 2, bucket_num: -1; end (ClickHouse: BlockInfo::write). */
const BLOCK_INFO = Buffer.from([1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0]);

/**
 * A Native answer of chDB, which writes it as for clients of revision 0, as a client of `revision` reads it
 * (`client_protocol_version`; ClickHouse: NativeWriter). ClickHouse's Go driver, and so Grafana, asks for it. Throws a
 * StoreError where a column is of a type whose length it does not know.
 */
export function nativeForRevision(bytes: Uint8Array, revision: number): Buffer {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!(revision > 0)) return from;
  const parts: Buffer[] = [];
  let at = 0;
  while (at < from.length) {
    const columns = varint(from, at);
    const rows = varint(from, columns.end);
    parts.push(BLOCK_INFO, from.subarray(at, rows.end));
    at = rows.end;
    for (let i = 0; i < columns.value; i++) {
      const start = at;
      const name = text(from, at);
      const type = text(from, name.end);
      parts.push(from.subarray(start, type.end));
      if (revision >= CUSTOM_SERIALIZATION) parts.push(Buffer.from([0]));
      // Each dictionary inside the type says its version first.
      const dictionaries = type.value.split("LowCardinality(").length - 1;
      at = rows.value === 0 ? type.end : endOf(from, type.end + 8 * dictionaries, type.value, rows.value);
      parts.push(from.subarray(type.end, at));
    }
  }
  return Buffer.concat(parts);
}

const SIZES: Record<string, number> = {
  ...{ UInt8: 1, Int8: 1, Bool: 1, Enum8: 1, Nothing: 1, UInt16: 2, Int16: 2, Enum16: 2, Date: 2, BFloat16: 2 },
  ...{ UInt32: 4, Int32: 4, Float32: 4, Date32: 4, DateTime: 4, IPv4: 4, Decimal32: 4, Time: 4 },
  ...{ UInt64: 8, Int64: 8, Float64: 8, DateTime64: 8, Decimal64: 8, Time64: 8 },
  ...{ UInt128: 16, Int128: 16, UUID: 16, IPv6: 16, Decimal128: 16, UInt256: 32, Int256: 32, Decimal256: 32 },
};

/** Where the data of a column ends. */
function endOf(from: Buffer, at: number, type: string, rows: number): number {
  const [, name = "", inner = ""] = /^(\w+)(?:\((.*)\))?$/s.exec(type) ?? [];
  const size = name.startsWith("Interval") ? 8 : SIZES[name];
  if (size !== undefined) return at + size * rows;
  const args = split(inner);
  switch (name) {
    case "String":
      for (let i = 0; i < rows; i++) {
        const { value, end } = varint(from, at);
        at = end + value;
      }
      return at;
    case "FixedString":
      return at + Number(inner) * rows;
    case "Decimal":
      return at + decimalSize(Number(args[0])) * rows;
    case "Nullable":
      return endOf(from, at + rows, inner, rows);
    case "Array":
    case "Map": {
      const total = rows === 0 ? 0 : Number(from.readBigUInt64LE(at + 8 * (rows - 1)));
      return (name === "Map" ? args : [inner]).reduce((end, one) => endOf(from, end, one, total), at + 8 * rows);
    }
    case "LowCardinality":
      return rows === 0 ? at : dictionaryEnd(from, at, inner.replace(/^Nullable\((.*)\)$/s, "$1"));
    case "Tuple":
      // Elements may be named: `Tuple(a UInt8, b String)`.
      return args.reduce(
        (end, one) => endOf(from, end, one.replace(/^(?:`(?:[^`\\]|\\.)*`|\w+) (?=\w)/s, ""), rows),
        at,
      );
    case "SimpleAggregateFunction":
      return endOf(from, at, args.slice(1).join(", "), rows);
    default:
      throw new StoreError(
        STORE_CODES.readonly,
        `columns of type ${type} are not served as Native: use another format`,
      );
  }
}

/** Kind of the indexes, the dictionary, the indexes (ClickHouse: SerializationLowCardinality). */
function dictionaryEnd(from: Buffer, at: number, type: string): number {
  const indexBytes = 2 ** (from[at] ?? 0);
  const keys = Number(from.readBigUInt64LE(at + 8));
  const end = endOf(from, at + 16, type, keys);
  return end + 8 + indexBytes * Number(from.readBigUInt64LE(end));
}

function decimalSize(precision: number): number {
  if (precision <= 9) return 4;
  if (precision <= 18) return 8;
  return precision <= 38 ? 16 : 32;
}

/** Arguments of a type, at the commas outside of brackets and quotes. */
function split(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let last = 0;
  for (const match of text.matchAll(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]/gs)) {
    if (match[0] === "(") depth++;
    else if (match[0] === ")") depth--;
    else if (match[0] === "," && depth === 0) {
      found.push(text.slice(last, match.index).trim());
      last = match.index + 1;
    }
  }
  const rest = text.slice(last).trim();
  return rest === "" ? found : [...found, rest];
}

function varint(from: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  for (let shift = 0; shift < 53; shift += 7) {
    const byte = from[at++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end: at };
  }
  throw new StoreError(STORE_CODES.noReply, "the store's answer ends within a block");
}

function text(from: Buffer, at: number): { value: string; end: number } {
  const { value, end } = varint(from, at);
  return { value: from.toString("utf8", end, end + value), end: end + value };
}
