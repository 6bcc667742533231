import type { Random } from "./random.ts";

function head(major: number, n: number | bigint, width: number): number[] {
  if (width === 0) return [(major << 5) | Number(n)];
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(n));
  return [(major << 5) | (23 + Math.log2(width) + 1), ...bytes.subarray(8 - width)];
}

/** The head of an item in some width that holds its number, not always the shortest. */
function anyHead(random: Random, major: number, n: number | bigint): number[] {
  const least = n < 24 ? 0 : n < 256 ? 1 : n < 65_536 ? 2 : n < 2 ** 32 ? 4 : 8;
  const widths = [0, 1, 2, 4, 8].filter((width) => width >= least);
  return head(major, n, random.chance(0.9) ? least : random.pick(widths));
}

function number(random: Random, value: number): number[] {
  if (Number.isSafeInteger(value) && random.chance(0.999)) {
    return value < 0 ? anyHead(random, 1, -1 - value) : anyHead(random, 0, value);
  }
  const bytes = Buffer.alloc(9);
  if (random.chance(0.5) && Math.fround(value) === value) {
    bytes[0] = 0xfa;
    bytes.writeFloatBE(value, 1);
    return [...bytes.subarray(0, 5)];
  }
  bytes[0] = 0xfb;
  bytes.writeDoubleBE(value, 1);
  return [...bytes];
}

function string(random: Random, value: string, tagged: number): number[] {
  const bytes = Buffer.from(value, "utf8");
  // A byte string that is tagged for base64, as Go writes a []byte.
  const tag = random.chance(tagged) ? [0xd6] : [];
  return [...tag, ...anyHead(random, tag.length > 0 || random.chance(0.6) ? 2 : 3, bytes.length), ...bytes];
}

/** A JSON value in one of the many ways in which CBOR can write it, some of which no reader need take. */
export function writeCbor(random: Random, value: unknown): number[] {
  if (random.chance(0.002))
    return [...anyHead(random, 6, random.pick([0, 1, 2, 21, 22, 23, 24, 32, 55799])), ...writeCbor(random, value)];
  if (random.chance(0.002))
    return anyHead(random, random.below(2), 2n ** 63n - BigInt(random.below(3)) + BigInt(random.below(2)));
  if (random.chance(0.001)) return [random.pick([0xf7, 0xf8, 0xf9, 0xff, 0xe0])];
  if (value === null) return [0xf6];
  if (value === false) return [0xf4];
  if (value === true) return [0xf5];
  if (typeof value === "number") return number(random, value);
  if (typeof value === "string") return string(random, value, 0.01);
  const isArray = Array.isArray(value);
  const items = isArray
    ? value.map((item) => writeCbor(random, item))
    : Object.entries(value as object).map(([key, item]) => [
        ...string(random, key, 0.0005),
        ...writeCbor(random, item),
      ]);
  if (!isArray && items.length > 0 && random.chance(0.002)) items.push(items[0] as number[]);
  const major = isArray ? 4 : 5;
  if (random.chance(0.005)) return [(major << 5) | 31, ...items.flat(), 0xff];
  return [...anyHead(random, major, items.length), ...items.flat()];
}
