import { isUtf8 } from "node:buffer";
import { encodingsOf } from "./encodings.ts";
import { valueParts } from "./value-parts.ts";

/**
 * Values of fewer bytes are not looked for in streams: a word of seven letters stands in any log by chance, and one
 * that short is guessed sooner than it is printed. GitLab masks variables in job logs from eight characters on.
 */
export const SHORTEST = 8;
/** Lines of a value that are looked for by themselves, as they are: loggers print what has many lines line by line. */
const LINE = 16;
const LINE_LIMIT = 1024;
/** Characters that tell how each encoding begins, as far as the filter looks. */
const BEGINNING = 24;

/** What all encodings of a value begin with. Values are latin1 here, a character a byte. */
export function beginningsOf(key: string): Uint8Array[] {
  let end = Math.min(key.length, BEGINNING);
  // A character of UTF-8 is not cut: text has encodings that other bytes have not.
  while (end < key.length && end > SHORTEST && (key.charCodeAt(end) & 0xc0) === 0x80) end--;
  return encodingsOf(Buffer.from(key.slice(0, end), "latin1"), true);
}

/** Parts of a value that are looked for by themselves: the password of a URL. */
export function partsOf(key: string): string[] {
  const bytes = Buffer.from(key, "latin1");
  return isUtf8(bytes) ? valueParts(bytes.toString("utf8")).map((part) => Buffer.from(part).toString("latin1")) : [];
}

/** Lines of a value that are looked for by themselves. */
export function linesOf(key: string): string[] {
  if (!key.includes("\n")) return [];
  const lines = key.split("\n").map((line) => line.trim());
  // The markers of a PEM say nothing, and stand in every certificate's neighbourhood.
  return lines.filter((line) => line.length >= LINE && line.length <= LINE_LIMIT && !line.startsWith("-----"));
}

/** What could be anything's name: `postgres` is a user, an image, a label and a namespace. */
export const NAME_LIKE = /^[a-z][a-z.-]{0,14}$/;

/** Nothing but certificates, or public keys. */
export function isPublic(text: string): boolean {
  return /^\s*-----BEGIN (?:CERTIFICATE|PUBLIC KEY)-----/.test(text) && !text.includes("PRIVATE KEY");
}
