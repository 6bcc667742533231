import type { Found } from "../../engine/mask/layers/find.ts";
import type { Range } from "../../engine/mask/layers/layer.ts";
import { PLACEHOLDER } from "../../engine/mask/placeholder.ts";
import type { PromptString } from "./prompt-strings.ts";

/** What holds a file in base64, where a text in its place would not be read. */
const FILES = new Set(["data", "file_data", "image_url", "url"]);
const MINUS = 0x2d;
const DATA_URL = /^data:[^,"\\]{0,200};base64,/;

/**
 * The body with the placeholder where secrets were found, in place of as many bytes as they took; all else is byte for byte as
 * it was. In place of a number it is a string. A file keeps its length and stays base64, with the placeholder in it over and over. `found` is what counts: each
 * secret once, in whatever ways it was found.
 */
export function takeOut(
  body: Buffer,
  strings: readonly PromptString[],
  found: readonly Found[],
): { body: Buffer; found: Found[] } {
  const { spans, found: counted } = merged(body, found);
  const parts: Buffer[] = [];
  let done = 0;
  let s = 0;
  for (let i = 0; i < spans.length; ) {
    const span = spans[i] as Range;
    while (s + 1 < strings.length && (strings[s] as PromptString).end < span.end) s++;
    const string = strings[s] as PromptString;
    const inside = [span];
    while ((spans[i + inside.length]?.end ?? Number.POSITIVE_INFINITY) <= string.end)
      inside.push(spans[i + inside.length] as Range);
    i += inside.length;
    if (string.numbers === true) {
      for (const { start, end } of inside) {
        // A sign belongs to its number, and in the place of numbers there is a string.
        parts.push(body.subarray(done, body[start - 1] === MINUS ? start - 1 : start), Buffer.from(`"${PLACEHOLDER}"`));
        done = end;
      }
      continue;
    }
    const file = fileIn(body, string);
    if (file !== undefined) {
      parts.push(body.subarray(done, file.start), overwritten(body, file, inside));
      done = file.end;
      continue;
    }
    for (const { start, end } of inside) {
      parts.push(body.subarray(done, start), Buffer.from(PLACEHOLDER));
      done = end;
    }
  }
  return { body: Buffer.concat([...parts, body.subarray(done)]), found: counted };
}

/** Where something is taken out, in order; and what was found there, without what is part of something else. */
function merged(body: Buffer, found: readonly Found[]): { spans: Range[]; found: Found[] } {
  const all = found.flatMap((one) => one.pieces.map((piece) => ({ ...whole(body, piece), one })));
  all.sort((a, b) => a.start - b.start || b.end - a.end);
  const spans: Range[] = [];
  const counted = new Set<Found>();
  const seen = new Set<Found>();
  let owner: Found | undefined;
  for (const { start, end, one } of all) {
    const last = spans.at(-1);
    if (last !== undefined && start < last.end) {
      last.end = Math.max(last.end, end);
      // Of what overlaps the first counts, and a known value before what it looks like.
      if (owner !== undefined && "pattern" in owner.what && !("pattern" in one.what) && counted.delete(owner)) {
        if (!seen.has(one)) counted.add(one);
        owner = one;
      }
    } else {
      spans.push({ start, end });
      owner = one;
      if (!seen.has(one)) counted.add(one);
    }
    seen.add(one);
  }
  return { spans, found: [...counted] };
}

/** No character of UTF-8 is cut: a value that is no text may end within one. */
function whole(body: Buffer, { start, end }: Range): Range {
  const range = { start, end };
  while (range.start > 0 && ((body[range.start] as number) & 0xc0) === 0x80) range.start--;
  while (range.end < body.length && ((body[range.end] as number) & 0xc0) === 0x80) range.end++;
  return range;
}

/** Where in a string the base64 of a file stands. */
function fileIn(body: Buffer, { start, end, key }: PromptString): Range | undefined {
  if (!FILES.has(key)) return undefined;
  const prefix = DATA_URL.exec(body.toString("latin1", start, Math.min(end, start + 256)))?.[0].length ?? 0;
  if (prefix === 0 && key !== "data" && key !== "file_data") return undefined;
  const base64 = body.toString("latin1", start + prefix, end);
  return Buffer.from(base64, "base64").toString("base64") === base64 && base64 !== ""
    ? { start: start + prefix, end }
    : undefined;
}

function overwritten(body: Buffer, file: Range, spans: readonly Range[]): Buffer {
  const bytes = Buffer.from(body.toString("latin1", file.start, file.end), "base64");
  for (const { start, end } of spans) {
    const from = Math.max(0, Math.floor(((start - file.start) * 3) / 4));
    bytes.fill(PLACEHOLDER, from, Math.min(bytes.length, Math.ceil(((end - file.start) * 3) / 4)));
  }
  return Buffer.from(bytes.toString("base64"));
}
