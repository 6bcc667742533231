/** Fewer bytes than that hold nothing that is looked for, and would be told from other bytes by chance. */
const SHORTEST = 24;
/** Symbols of a text that compressed bytes have to begin with, before anybody tries to decompress them. */
const SYMBOLS = 16;
/** So many of them may be in no text. */
const ODD = 2;
/** In which order the lengths of codes are written (RFC 1951 §3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** Bits of such a length's own code. */
const LONGEST = 7;
const END = 256;

/** Bits of some bytes, the lowest first. */
interface Bits {
  bytes: Uint8Array;
  /** In bits. */
  at: number;
  end: number;
}

function bit({ bytes, at }: Bits): number {
  return ((bytes[at >> 3] as number) >> (at & 7)) & 1;
}

/** A number of so many bits; -1 where there are no more. */
function take(bits: Bits, count: number): number {
  if (bits.at + count > bits.end) return -1;
  let value = 0;
  for (let i = 0; i < count; i++, bits.at++) value |= bit(bits) << i;
  return value;
}

/** The same of a Huffman code, which is written the other way around (§3.1.1). */
function takeCode(bits: Bits, count: number): number {
  if (bits.at + count > bits.end) return -1;
  let value = 0;
  for (let i = 0; i < count; i++, bits.at++) value = (value << 1) | bit(bits);
  return value;
}

/**
 * Whether bytes may be text that was compressed without a header (RFC 1951): a look at their first few that tells nearly all
 * others apart, names and paths of a program among them. Not a block that is stored as it is, which needs no decompressing.
 */
export function mayInflate(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < SHORTEST) return false;
  const bits = { bytes, at: start * 8 + 1, end: end * 8 };
  const type = take(bits, 2);
  if (type === 1) return beginsWithText(bits);
  return type === 2 && hasCodes(bits);
}

/** Of a block with the fixed codes (§3.2.6): whether its first symbols are text, and repeat what was before them. */
function beginsWithText(bits: Bits): boolean {
  let written = 0;
  let odd = 0;
  for (let count = 0; count < SYMBOLS; count++) {
    const symbol = fixedSymbol(bits);
    if (symbol < 0 || symbol === END) return false;
    if (symbol < END) {
      if (!isText(symbol) && ++odd > ODD) return false;
      written++;
      continue;
    }
    const length = lengthOf(bits, symbol);
    const distance = distanceOf(bits, takeCode(bits, 5));
    if (length < 0 || distance < 1 || distance > written) return false;
    written += length;
  }
  return true;
}

function isText(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte >= 9 && byte <= 13;
}

function fixedSymbol(bits: Bits): number {
  const seven = takeCode(bits, 7);
  if (seven < 0) return -1;
  if (seven < 24) return END + seven;
  const eight = (seven << 1) | takeCode(bits, 1);
  if (eight < 0xc0) return eight - 0x30;
  if (eight < 0xc8) return eight - 0xc0 + 280;
  return ((eight << 1) | takeCode(bits, 1)) - 0x190 + 144;
}

function lengthOf(bits: Bits, symbol: number): number {
  if (symbol > 285) return -1;
  if (symbol < 265 || symbol === 285) return symbol === 285 ? 258 : symbol - 254;
  const extra = (symbol - 261) >> 2;
  const more = take(bits, extra);
  return more < 0 ? -1 : 3 + ((4 + ((symbol - 261) & 3)) << extra) + more;
}

function distanceOf(bits: Bits, code: number): number {
  if (code < 0 || code > 29) return -1;
  if (code < 4) return code + 1;
  const extra = (code >> 1) - 1;
  const more = take(bits, extra);
  return more < 0 ? -1 : ((2 + (code & 1)) << extra) + 1 + more;
}

/** Of a block with codes of its own (§3.2.7): whether its codes leave nothing out, as those of any compressor do. */
function hasCodes(bits: Bits): boolean {
  const [literals, distances, lengths] = [take(bits, 5) + 257, take(bits, 5) + 1, take(bits, 4) + 4];
  if (literals > 286 || distances > 30 || lengths < 4) return false;
  const first = new Array<number>(ORDER.length).fill(0);
  for (const symbol of ORDER.slice(0, lengths)) first[symbol] = take(bits, 3);
  if (!isComplete(first)) return false;
  const all = codeLengths(bits, first, literals + distances);
  return (
    all !== undefined &&
    all[END] !== 0 &&
    isComplete(all.slice(0, literals)) &&
    // One distance, or none, needs no complete code.
    (isComplete(all.slice(literals)) || all.slice(literals).filter((length) => length > 0).length < 2)
  );
}

/** Whether codes of these lengths are all that there are (Kraft's sum is one). */
function isComplete(lengths: readonly number[]): boolean {
  return lengths.reduce((left, length) => (length > 0 ? left - (32_768 >> length) : left), 32_768) === 0;
}

/** The lengths of all codes, which are written in a code of their own; undefined where they cannot be. */
function codeLengths(bits: Bits, first: readonly number[], count: number): number[] | undefined {
  // With a one before it, so that codes of different lengths differ.
  const codes = new Map<number, number>();
  let code = 1;
  for (let length = 1; length <= LONGEST; length++) {
    code <<= 1;
    for (const [symbol, one] of first.entries()) if (one === length) codes.set(code++, symbol);
  }
  const found: number[] = [];
  while (found.length < count) {
    const symbol = symbolOf(bits, codes);
    if (symbol < 0) return undefined;
    if (symbol < 16) {
      found.push(symbol);
      continue;
    }
    const again = symbol === 16 ? take(bits, 2) + 3 : symbol === 17 ? take(bits, 3) + 3 : take(bits, 7) + 11;
    const last = symbol === 16 ? found.at(-1) : 0;
    if (last === undefined) return undefined;
    for (let i = 0; i < again; i++) found.push(last);
  }
  return found.length === count ? found : undefined;
}

function symbolOf(bits: Bits, codes: ReadonlyMap<number, number>): number {
  let code = 1;
  for (let length = 1; length <= LONGEST; length++) {
    const next = take(bits, 1);
    if (next < 0) return -1;
    code = (code << 1) | next;
    const symbol = codes.get(code);
    if (symbol !== undefined) return symbol;
  }
  return -1;
}
