import { GZIP_BASE64 } from "./helm.ts";
import { LAST_APPLIED } from "./walk.ts";

/** Strings of fewer characters equal no masked value (WHOLE of equal-strings.ts). */
const SHORTEST = 4;
/** A number of more characters may be one that no double holds. */
const NUMBER = 15;
const [QUOTE, COMMA, COLON, ZERO, NINE, MINUS, DOT] = [0x22, 0x2c, 0x3a, 0x30, 0x39, 0x2d, 0x2e];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
/** Keys of managedFields that hold a value (managed-fields.ts). */
const MANAGED_VALUE = /^[vk]:/;
/** More keys of one object are for who reads it whole. */
const KEYS_LIMIT = 64;

/**
 * Visits the entries of an object in JSON text that has no space between tokens, no escapes and no key twice, from
 * the brace at `at` on: `visit` gets each key and where its value begins, and says where the value ends, or -1.
 * Returns where the object ends; -1 where it is no such text, or where a visit said so.
 */
export function eachEntry(text: string, from: number, visit: (key: string, at: number) => number): number {
  let at = from;
  if (text.charCodeAt(at++) !== OPEN_OBJECT) return -1;
  if (text.charCodeAt(at) === CLOSE_OBJECT) return at + 1;
  const keys: string[] = [];
  for (;;) {
    const end = text.charCodeAt(at) === QUOTE ? text.indexOf('"', at + 1) : -1;
    if (end < 0 || text.charCodeAt(end + 1) !== COLON) return -1;
    const key = text.slice(at + 1, end);
    if (keys.includes(key) || keys.push(key) > KEYS_LIMIT) return -1;
    at = visit(key, end + 2);
    if (at < 0) return -1;
    const next = text.charCodeAt(at++);
    if (next === CLOSE_OBJECT) return at;
    if (next !== COMMA) return -1;
  }
}

/** Where the string ends that begins at the quote at `at`: the index of its last quote, or -1 where none begins there. */
export function endOfString(text: string, at: number): number {
  return text.charCodeAt(at) === QUOTE ? text.indexOf('"', at + 1) : -1;
}

/**
 * Where the value at `from` ends in such a text, or -1. Its strings that are no keys are added to `strings`, where
 * that is given, as begin and end. Also -1 at what only a reader can judge: numbers that a double may not hold,
 * annotations that hold an object, and keys that hold a value.
 */
export function endOfValue(text: string, from: number, strings?: number[]): number {
  let at = from;
  let depth = 0;
  for (;;) {
    const c = text.charCodeAt(at);
    if (c === QUOTE) {
      const end = text.indexOf('"', at + 1);
      if (end < 0) return -1;
      if (depth > 0 && text.charCodeAt(end + 1) === COLON) {
        if (text.charCodeAt(at + 2) === COLON && MANAGED_VALUE.test(text.slice(at + 1, at + 3))) return -1;
        if (end - at - 1 === LAST_APPLIED.length && text.startsWith(LAST_APPLIED, at + 1)) return -1;
        at = end + 2;
        continue;
      }
      if (strings !== undefined && end - at > SHORTEST) {
        if (text.startsWith(GZIP_BASE64, at + 1)) return -1;
        strings.push(at + 1, end);
      }
      at = end + 1;
    } else if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
      depth++;
      at++;
      continue;
    } else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) {
      depth--;
      at++;
    } else if (c === COMMA && depth > 0) {
      at++;
      continue;
    } else {
      at = endOfScalar(text, at);
      if (at < 0) return -1;
    }
    if (depth <= 0) return depth < 0 ? -1 : at;
  }
}

function endOfScalar(text: string, from: number): number {
  for (const word of ["true", "false", "null"]) if (text.startsWith(word, from)) return from + word.length;
  let at = from;
  for (let c = text.charCodeAt(at); (c >= ZERO && c <= NINE) || c === MINUS || c === DOT; c = text.charCodeAt(++at));
  const next = text.charCodeAt(at);
  const ends = next === COMMA || next === CLOSE_ARRAY || next === CLOSE_OBJECT;
  return ends && at > from && at - from <= NUMBER ? at : -1;
}
