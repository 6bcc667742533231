import { decodeBase64Text } from "./equal-strings.ts";
import { findPatterns } from "./patterns.ts";
import type { CompiledMask } from "./rules.ts";
import type { JsonObject } from "./shape.ts";
import { walkStrings } from "./walk.ts";

/** Shorter base64 than this holds nothing that has a pattern. */
const SHORTEST_ENCODED = 24;

/** Hears of each part that is masked: its path and what stood there. */
type Take = (path: string, value: string) => void;

/** Masks, in place, the parts of an object's strings that look like what the mask's patterns name, wherever they stand. */
export function maskPatterns(mask: CompiledMask, object: JsonObject, prefix: string, take: Take): void {
  if (mask.patterns.length === 0) return;
  walkStrings(object, { owners: true }, (text, path, name) =>
    maskMatches(mask, text, () => prefix + path(), name, take),
  );
}

/** A text with the parts that match replaced, as it is or in base64; the same string where there are none. */
export function maskMatches(mask: CompiledMask, text: string, path: () => string, name: string, take: Take): string {
  if (mask.patterns.length === 0 || text === mask.placeholder || text === mask.encodedPlaceholder) return text;
  const masked = replaceMatches(mask, text, path, name, take);
  if (masked !== text) return masked;
  const decoded = text.length < SHORTEST_ENCODED ? undefined : decodeBase64Text(text);
  if (decoded === undefined) return text;
  const inside = replaceMatches(mask, decoded, path, name, take);
  return inside === decoded ? text : Buffer.from(inside, "utf8").toString("base64");
}

function replaceMatches(mask: CompiledMask, text: string, path: () => string, name: string, take: Take): string {
  let out = "";
  let done = 0;
  for (const { start, end } of findPatterns(text, mask.patterns, name)) {
    const value = text.slice(start, end);
    if (value === mask.placeholder) continue;
    take(path(), value);
    out += text.slice(done, start) + mask.placeholder;
    done = end;
  }
  return done === 0 ? text : out + text.slice(done);
}
