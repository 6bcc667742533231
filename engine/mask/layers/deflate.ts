/** Characters of a text that compressed bytes have to begin with, before anybody tries to decompress them. */
const LETTERS = 8;
/** In which order the lengths of codes are written (RFC 1951 §3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Bits of some bytes, the lowest first. */
interface Bits {
  bytes: Uint8Array;
  /** In bits. */
  at: number;
  end: number;
}

function take(bits: Bits, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++, bits.at++) {
    if (bits.at >= bits.end) return -1;
    value |= (((bits.bytes[bits.at >> 3] as number) >> (bits.at & 7)) & 1) << i;
  }
  return value;
}

/**
 * Whether bytes may be text that was compressed without a header (RFC 1951): a look at their first few that tells nearly all
 * others apart. Not a block that is stored as it is, which needs no decompressing.
 */
export function mayInflate(bytes: Uint8Array, start: number, end: number): boolean {
  const bits = { bytes, at: start * 8, end: end * 8 };
  take(bits, 1);
  const type = take(bits, 2);
  if (type === 1) return beginsWithText(bits);
  return type === 2 && hasCodes(bits);
}

/** Of a block with the fixed codes (§3.2.6): its first letters. */
function beginsWithText(bits: Bits): boolean {
  for (let count = 0; count < LETTERS; count++) {
    let code = 0;
    for (let i = 0; i < 8; i++) code = (code << 1) | take(bits, 1);
    if (code < 0) return false;
    // Eight bits from 00110000 on are the bytes from 0 on; what is shorter or longer is a length, or no ASCII.
    const byte = code - 0x30;
    if (code < 0x30) return count >= 4;
    if (code >= 0xc8) {
      if (take(bits, 1) < 0) return false;
      continue;
    }
    const text = (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13) || byte >= 0x80;
    if (!text) return false;
  }
  return true;
}

/** Of a block with codes of its own (§3.2.7): whether the code in which they are written leaves nothing out. */
function hasCodes(bits: Bits): boolean {
  const [literals, distances, lengths] = [take(bits, 5), take(bits, 5), take(bits, 4) + 4];
  if (literals > 29 || distances > 29 || lengths < 4) return false;
  let left = 128;
  for (let i = 0; i < Math.min(lengths, ORDER.length); i++) {
    const length = take(bits, 3);
    if (length < 0) return false;
    if (length > 0) left -= 128 >> length;
  }
  return left === 0;
}
