/**
 * What the strings of a JSON text hold, keys and values alike, as bits: who splits a text (kubernetes/json-items.ts)
 * sees them in passing, and who masks it (engine/mask) need not read a text that holds none of what it looks for.
 */
export const HOLDS = {
  /** A string that was asked for, or one that was not compared, since it came in two chunks. */
  word: 1,
  /** The escape of a character by its number. */
  unicodeEscape: 2,
  /** An escaped slash, which Go's encoding/json never writes. */
  slashEscape: 4,
  /** An escaped backslash: JSON in JSON in JSON has them. */
  backslash: 8,
  /** A string that begins with a brace, or as gzip does in base64: an annotation may hold an object so. */
  object: 16,
} as const;
