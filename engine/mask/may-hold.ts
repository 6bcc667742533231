import type { KnownValues } from "./known-values.ts";
import { mayHoldPattern } from "./patterns.ts";
import type { CompiledMask } from "./rules.ts";
import { LAST_APPLIED } from "./walk.ts";

/** A key that JSON writes as it is. */
const PLAIN = /^[\w./ -]+$/;

/**
 * Whether an item of a list, as bytes, may hold anything to mask: false only where certain. A field is there only
 * with all keys of its path; keys and values that somebody wrote as \u escapes are looked at closely.
 */
export function mayHold(item: Buffer, masks: readonly CompiledMask[], known: KnownValues | undefined): boolean {
  if (masks.length > 0) {
    // First what is found first: of an object that has the fields, nothing more is read.
    if (masks.some((mask) => mask.fields.some(({ steps }) => holdsKeys(item, steps)))) return true;
    // The last-applied annotation is masked whole where it cannot be read; a Status may quote values.
    if (item.includes("\\u") || item.includes(LAST_APPLIED) || item.includes('"Status"')) return true;
    if (masks.some((mask) => mayHoldPattern(item, mask.patterns))) return true;
    if (masks.some((mask) => mask.hidesCells) && item.includes('"cells"')) return true;
  }
  if (known === undefined || known.size === 0) return false;
  // Values are looked for in JSON and in JSON in JSON; deeper, only a reader finds them.
  if (known.escaped && item.includes("\\\\")) return true;
  return hasOddEscapes(item) || known.standsIn(item);
}

function holdsKeys(item: Buffer, steps: CompiledMask["fields"][number]["steps"]): boolean {
  return steps.every((step) => !("key" in step) || !PLAIN.test(step.key) || item.includes(step.key));
}

/** Escapes that Go's encoding/json does not write: values are not looked for in these forms. */
function hasOddEscapes(item: Buffer): boolean {
  if (item.includes("\\/")) return true;
  for (let at = item.indexOf("\\u"); at >= 0; at = item.indexOf("\\u", at + 2)) {
    const code = item.toString("latin1", at + 2, at + 6);
    if (!GO_ESCAPES.has(code)) return true;
  }
  return false;
}

/** encoding/json escapes these, and control characters. */
const GO_ESCAPES = new Set(["003c", "003e", "0026", "2028", "2029"]);
