/** Where values stand in the text of valid JSON, so that one can be replaced and all else stays byte for byte. */
export interface Span {
  start: number;
  /** Behind its last character. */
  end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index of the quote that closes the string opened at `start`; -1 where none does. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  return -1;
}

function skipSpace(text: string, from: number): number {
  let i = from;
  for (let c = text.charCodeAt(i); c === 0x20 || (c >= 0x09 && c <= 0x0d); c = text.charCodeAt(i)) i++;
  return i;
}

/** Behind the value that begins at `start`. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      const end = endOfString(text, i);
      if (end < 0) break;
      i = end;
      if (depth === 0) return i + 1;
    } else if (c === 0x7b || c === 0x5b) depth++;
    else if (c === 0x7d || c === 0x5d) {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && (c === 0x2c || c <= 0x20)) return i;
  }
  return text.length;
}

/** Members of the object, or items of the array, that begins at `start`: a member's key, and where its value is. */
function* children(text: string, start: number): Generator<Span & { key: string | number }> {
  const object = text[start] === "{";
  let i = skipSpace(text, start + 1);
  for (let n = 0; i < text.length && text[i] !== "}" && text[i] !== "]"; n++) {
    let key: string | number = n;
    if (object) {
      const end = endOfString(text, i);
      if (end < 0) return;
      key = JSON.parse(text.slice(i, end + 1)) as string;
      i = skipSpace(text, skipSpace(text, end + 1) + 1);
    }
    const end = endOfValue(text, i);
    yield { key, start: i, end };
    i = skipSpace(text, end);
    if (text[i] === ",") i = skipSpace(text, i + 1);
  }
}

/** Where the value at the path is; undefined where there is none. `text` is valid JSON with no key twice. */
export function valueSpan(text: string, path: readonly (string | number)[]): Span | undefined {
  const start = skipSpace(text, 0);
  let span: Span = { start, end: endOfValue(text, start) };
  for (const key of path) {
    const child =
      text[span.start] === (typeof key === "string" ? "{" : "[") ? childAt(text, span.start, key) : undefined;
    if (child === undefined) return undefined;
    span = child;
  }
  return span;
}

function childAt(text: string, start: number, key: string | number): Span | undefined {
  for (const child of children(text, start)) if (child.key === key) return { start: child.start, end: child.end };
  return undefined;
}

/** Where each item of the array at the path is, in order; none where there is no array. */
export function itemSpans(text: string, path: readonly (string | number)[]): Span[] {
  const span = valueSpan(text, path);
  if (span === undefined || text[span.start] !== "[") return [];
  return [...children(text, span.start)].map(({ start, end }) => ({ start, end }));
}

/** The text with other texts in the place of spans, which are in order and don't overlap. */
export function splice(text: string, parts: readonly (Span & { text: string })[]): string {
  let from = 0;
  let result = "";
  for (const part of parts) {
    result += text.slice(from, part.start) + part.text;
    from = part.end;
  }
  return result + text.slice(from);
}
