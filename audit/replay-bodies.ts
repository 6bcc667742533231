import { errorMessage } from "../base/errors.ts";
import { BodyAltered, BodyMissing } from "./bodies.ts";
import type { EventRow } from "./event.ts";
import { harmless, harmlessLines } from "./harmless.ts";

/** Of a content so much is read at most to show its first lines: a line may be as long as it likes. */
const MOST_BYTES = 1024 * 1024;
const LONGEST_LINE = 2_000;

/** Recorded content by its SHA-256, part by part; throws BodyMissing and BodyAltered as audit/bodies.ts does. */
export type ReadContent = (event: EventRow, sha256: string) => AsyncIterable<Uint8Array>;

/** The first lines of what an event's request (`>`) and answer (`<`) held, safe to print. */
export async function bodyLines(event: EventRow, read: ReadContent, most: number): Promise<string[]> {
  const lines: string[] = [];
  for (const [mark, digest] of [
    [">", event.request_body],
    ["<", event.response_body],
  ] as const) {
    if (digest !== "")
      lines.push(...(await contentLines(read(event, digest), digest, most)).map((line) => `  ${mark} ${line}`));
  }
  return lines;
}

/** The first lines of one content, safe to print. `read`: what they are made of, where not of the content as it is. */
export async function contentLines(
  content: AsyncIterable<Uint8Array>,
  digest: string,
  most: number,
  read: (text: string) => string = (text) => text,
): Promise<string[]> {
  const parts: Uint8Array[] = [];
  let size = 0;
  let whole = true;
  try {
    for await (const part of content) {
      parts.push(part);
      size += part.length;
      if (size <= MOST_BYTES) continue;
      whole = false;
      break;
    }
  } catch (error) {
    if (error instanceof BodyMissing) return [`(content ${harmless(digest.slice(0, 12))} is not in the store)`];
    if (error instanceof BodyAltered) return [`(content ${harmless(digest.slice(0, 12))} is not what was recorded)`];
    return [`(content ${harmless(digest.slice(0, 12))} cannot be read: ${harmless(errorMessage(error))})`];
  }
  const bytes = Buffer.concat(parts);
  if (bytes.includes(0)) return [`(${whole ? "" : "more than "}${size} bytes that are no text)`];
  return textLines(read(bytes.toString("utf8")), most, whole);
}

/** The first lines of a text, safe to print. */
export function textLines(text: string, most: number, whole = true): string[] {
  const all = harmlessLines(text.replace(/\n$/, ""));
  const shown = all
    .slice(0, most)
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} …` : line));
  const left = all.length - shown.length;
  if (whole && left > 0) shown.push(`(${left} more lines)`);
  if (!whole) shown.push("(and more)");
  return shown;
}
