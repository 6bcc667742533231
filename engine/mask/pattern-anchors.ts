import type { Range } from "./layers/layer.ts";
import { findPatterns, HINTS, PATTERNS, type Pattern } from "./patterns.ts";
import { keysInText } from "./pem-bodies.ts";

/** A part of some bytes that looks like a credential. */
export interface PatternSpan extends Range {
  pattern: Pattern;
}

/** How far from its anchor a match may reach: names stand before it, and a key of 16,384 bits has 12 KB. */
const BEFORE = 512;
const AFTER = 16_384;

/** What AWS's secret keys stand behind, in the ways in which it is written. */
const NAMES = ["cesskey", "cess_key", "cess-key", "cessKey", "cess_Key", "cess-Key", "CESSKEY", "CESS_KEY", "CESS-KEY"];
/** Of a key that was cut off at its beginning. */
const FOOTER = "-----END ";
const MORE: Partial<Record<Pattern, readonly string[]>> = {
  "cloud-key": [...NAMES, "cessKEY", "Sig="],
  "private-key": [FOOTER],
};

interface Anchor {
  text: Uint8Array;
  /** Where in it the two bytes stand that it is looked for by. */
  offset: number;
  pattern: Pattern;
  before: number;
}

/** Rare pairs are looked for: words are lower-case letters, and most of them have `ce` sooner than `sk`. */
function rarest(text: string): number {
  const weigh = (c: string): number => (/[a-z]/.test(c) ? 4 : /[ /.:=-]/.test(c) ? 2 : 1);
  let best = 0;
  let weight = 99;
  for (let i = 0; i + 1 < text.length; i++) {
    const sum = weigh(text[i] as string) * weigh(text[i + 1] as string);
    // Of pairs that are as rare the last one: words begin alike.
    if (sum > weight) continue;
    best = i;
    weight = sum;
  }
  return best;
}

/** By pair: which of LISTS it is looked up in, plus one. */
const PAIRS = new Uint8Array(65_536);
const LISTS: Anchor[][] = [];
for (const pattern of PATTERNS) {
  for (const hint of [...HINTS[pattern], ...(MORE[pattern] ?? [])]) {
    const text = Buffer.from(hint);
    const offset = rarest(hint);
    const pair = text.readUInt16BE(offset);
    if (PAIRS[pair] === 0) PAIRS[pair] = LISTS.push([]);
    LISTS[(PAIRS[pair] as number) - 1]?.push({ text, offset, pattern, before: hint === FOOTER ? AFTER : BEFORE });
  }
}

/** The parts of some bytes that look like credentials, each with what it looks like. Linear in the bytes, whatever they are. */
export function patternsIn(bytes: Buffer): PatternSpan[] {
  const found: PatternSpan[] = [];
  for (const [pattern, windows] of windowsOf(bytes)) {
    for (const { start, end } of windows) {
      const text = bytes.toString("latin1", start, end);
      const matches = pattern === "private-key" ? keysInText(text) : findPatterns(text, [pattern]);
      for (const match of matches) {
        const span = { start: start + match.start, end: start + match.end, pattern };
        // Windows that follow each other may both see what stands on their border.
        if (span.start >= (found.at(-1)?.pattern === pattern ? (found.at(-1)?.end ?? 0) : 0)) found.push(span);
      }
    }
  }
  return found;
}

/** What lies around the anchors of each pattern; what overlaps is one window. */
function windowsOf(bytes: Buffer): Map<Pattern, Range[]> {
  const windows = new Map<Pattern, Range[]>();
  const last = bytes.length - 1;
  let pair = 0;
  for (let i = 0; i <= last; i++) {
    pair = ((pair & 0xff) << 8) | (bytes[i] as number);
    if (PAIRS[pair] !== 0) lookAround(bytes, i - 1, LISTS[(PAIRS[pair] as number) - 1] as Anchor[], windows);
  }
  return windows;
}

function lookAround(bytes: Buffer, i: number, anchors: readonly Anchor[], windows: Map<Pattern, Range[]>): void {
  for (const anchor of anchors) {
    const at = i - anchor.offset;
    if (!standsAt(bytes, at, anchor) || isPlainUrl(bytes, at, anchor)) continue;
    const window = { start: Math.max(0, at - anchor.before), end: Math.min(bytes.length, at + AFTER) };
    const list = windows.get(anchor.pattern);
    const before = list?.at(-1);
    if (before !== undefined && window.start <= before.end) before.end = window.end;
    else if (list === undefined) windows.set(anchor.pattern, [window]);
    else list.push(window);
  }
}

function standsAt(bytes: Uint8Array, at: number, { text }: Anchor): boolean {
  if (at < 0 || at + text.length > bytes.length) return false;
  for (let k = 0; k < text.length; k++) if (bytes[at + k] !== text[k]) return false;
  return true;
}

/** Most URLs are no database's. */
function isPlainUrl(bytes: Buffer, at: number, { pattern }: Anchor): boolean {
  if (pattern !== "database-url") return false;
  const scheme = bytes.toString("latin1", Math.max(0, at - 5), at).toLowerCase();
  return scheme.endsWith("http") || scheme.endsWith("https") || scheme.endsWith("file");
}
