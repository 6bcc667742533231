import { type Coding, Layer, type Part, type Range } from "./layer.ts";

/** Fewer characters hold nothing that is looked for. */
const SHORTEST = 6;
/** So many characters in a row may be of no Latin alphabet. */
const FOREIGN = 8;

/** What the last character that was read says in UTF-8, and how many bytes it took. */
const said = Buffer.alloc(4);
let saidLength = 0;

/** Reads a character at `at`; a last byte by itself is one too, since the order of bytes may be the other one. */
function readCharacter(bytes: Uint8Array, at: number, end: number): number {
  const unit = (bytes[at] as number) | ((at + 1 < end ? (bytes[at + 1] as number) : 0) << 8);
  if (unit < 0x80) {
    said[0] = unit;
    saidLength = 1;
    return Math.min(2, end - at);
  }
  let code = unit;
  let length = 2;
  if (unit >= 0xd800 && unit < 0xdc00 && at + 3 < end) {
    const low = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
      length = 4;
    }
  }
  saidLength = said.write(String.fromCodePoint(code), "utf8");
  return Math.min(length, end - at);
}

const UTF16: Coding = {
  locate(bytes, { start, end }, from, to) {
    const range = { start: end, end };
    let at = 0;
    for (let i = start; i < end && at < to; ) {
      const length = readCharacter(bytes, i, end);
      if (at <= from && at + saidLength > from) range.start = i;
      i += length;
      at += saidLength;
      range.end = i;
    }
    return range;
  },
};

/** What stands in a layer in UTF-16, as Windows and PowerShell write text; undefined where nothing does. */
export function utf16Of(layer: Layer): Layer | undefined {
  const { bytes } = layer;
  const runs = layer.having(0).flatMap(({ start, end }) => runsIn(bytes, start, end));
  if (runs.length === 0) return undefined;
  const out = Buffer.allocUnsafeSlow(runs.reduce((sum, { start, end }) => sum + 2 * (end - start) + 1, 0));
  const parts: Part[] = [];
  let at = 0;
  for (const run of runs) {
    const begin = at;
    for (let i = run.start; i < run.end; ) {
      i += readCharacter(bytes, i, run.end);
      for (let k = 0; k < saidLength; k++) out[at++] = said[k] as number;
    }
    parts.push({ ...run, at: begin, length: at - begin });
    out[at++] = 0;
  }
  return new Layer(out.subarray(0, at), parts, UTF16, layer);
}

function runsIn(bytes: Buffer, from: number, to: number): Range[] {
  const found: Range[] = [];
  let floor = from;
  for (let zero = bytes.indexOf(0, from); zero >= 0 && zero < to; zero = bytes.indexOf(0, floor)) {
    const start = zero - 1;
    floor = Math.max(floor, zero + 1);
    if (start < from || bytes[start] === 0) continue;
    let end = start;
    let letters = 0;
    for (let i = start, foreign = 0; i < to && foreign < FOREIGN; i += 2) {
      const plain = i + 1 >= to || bytes[i + 1] === 0;
      if (plain && bytes[i] === 0) break;
      foreign = plain ? 0 : foreign + 1;
      if (!plain) continue;
      letters++;
      end = Math.min(to, i + 2);
    }
    if (letters < SHORTEST) continue;
    // Characters of other alphabets may stand before it.
    const before = found.at(-1)?.end ?? from;
    found.push({ start: start - 2 * Math.min(FOREIGN, (start - before) >> 1), end });
    floor = Math.max(floor, end);
  }
  return found;
}
