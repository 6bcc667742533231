/** The tables of RFC 8259 that a scanner of bytes needs: which bytes a string may hold, and how scalars go on. */

/** What a byte of a string is: 0 stands for itself, 1 ends the string or begins an escape, 2 is not allowed. */
export const STRING_BYTE = new Uint8Array(256);
STRING_BYTE.fill(2, 0, 0x20);
STRING_BYTE[0x22] = 1;
STRING_BYTE[0x5c] = 1;

/** Space, tab, newline and carriage return. */
export const IS_SPACE = bytes(" \t\n\r");
export const IS_HEX = bytes("0123456789abcdefABCDEF");
/** What may follow a backslash, `u` aside. */
export const IS_ESCAPE = bytes('"\\/bfnrt');

const NO_WORDS = new Int32Array(0);

/** Whether a byte is less than a space: strings may hold none, and who writes JSON without spaces writes none at all. */
export function hasControl(text: Uint8Array): boolean {
  const { buffer, byteOffset, length } = text;
  const aligned = Math.min(-byteOffset & 3, length);
  const words = length < 16 ? NO_WORDS : new Int32Array(buffer, byteOffset + aligned, (length - aligned) >> 2);
  // Four bytes at once: a byte below 0x20 borrows from its highest bit (Warren, Hacker's Delight, §6-1).
  let found = 0;
  for (let i = 0; i < words.length; i++) found |= ((words[i] as number) - 0x20202020) & ~(words[i] as number);
  if ((found & 0x80808080) !== 0) return true;
  const rest = words.length === 0 ? 0 : aligned + words.length * 4;
  for (let i = rest; i < length; i++) if ((text[i] as number) < 0x20) return true;
  for (let i = 0; i < Math.min(aligned, rest); i++) if ((text[i] as number) < 0x20) return true;
  return false;
}

function bytes(text: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const c of text) table[c.charCodeAt(0)] = 1;
  return table;
}

/**
 * Numbers, `true`, `false` and `null` as one automaton: `SCALAR[state * 256 + byte]` is the next state, or 0
 * where the scalar cannot go on so. State 0 is its beginning, and no state leads back there.
 */
export const SCALAR = new Uint8Array(32 * 256);
/** By state: whether the scalar may end here. */
export const SCALAR_MAY_END = new Uint8Array(32);

const DIGITS = "0123456789";
const [MINUS, ZERO, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, EXPONENT_DIGITS] = [1, 2, 3, 4, 5, 6, 7, 8];
const moves: [from: number, on: string, to: number][] = [
  [0, "-", MINUS],
  [0, "0", ZERO],
  [0, "123456789", INTEGER],
  [MINUS, "0", ZERO],
  [MINUS, "123456789", INTEGER],
  [INTEGER, DIGITS, INTEGER],
  [ZERO, ".", POINT],
  [INTEGER, ".", POINT],
  [POINT, DIGITS, FRACTION],
  [FRACTION, DIGITS, FRACTION],
  [ZERO, "eE", EXPONENT],
  [INTEGER, "eE", EXPONENT],
  [FRACTION, "eE", EXPONENT],
  [EXPONENT, "+-", EXPONENT_SIGN],
  [EXPONENT, DIGITS, EXPONENT_DIGITS],
  [EXPONENT_SIGN, DIGITS, EXPONENT_DIGITS],
  [EXPONENT_DIGITS, DIGITS, EXPONENT_DIGITS],
];
for (const state of [ZERO, INTEGER, FRACTION, EXPONENT_DIGITS]) SCALAR_MAY_END[state] = 1;

let free = EXPONENT_DIGITS + 1;
for (const word of ["true", "false", "null"]) {
  for (const [i, c] of [...word].entries()) moves.push([i === 0 ? 0 : free - 1, c, free++]);
  SCALAR_MAY_END[free - 1] = 1;
}
for (const [from, on, to] of moves) for (const c of on) SCALAR[from * 256 + c.charCodeAt(0)] = to;
