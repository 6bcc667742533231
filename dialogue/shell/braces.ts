import { MAX_BRACES, MAX_OPEN_BRACES } from "./limits.ts";

/**
 * What bash's brace expansion makes of a word's text, quotes and escapes kept (braces.c of bash 5.2); undefined where
 * that is more than a cap.
 */
export function expandBraces(text: string, budget = { left: MAX_OPEN_BRACES }): string[] | undefined {
  const open = nextOpen(text, budget);
  if (budget.left < 0) return undefined;
  if (open === undefined) return [text];
  const { start, end } = open;
  const before = text.slice(0, start);
  const inner = text.slice(start + 1, end);
  const rest = expandBraces(text.slice(end + 1), budget);
  // A comma of braces within will do for these to be a list, of one then.
  const isList = /,/.test(inner.replace(/\\./gs, ""));
  const middle = isList ? listed(text, open, budget) : ranged(inner);
  if (rest === undefined || middle === undefined || middle.length * rest.length > MAX_BRACES) return undefined;
  return middle.flatMap((one) => rest.map((tail) => before + one + tail));
}

function listed(text: string, { start, end, commas }: Open, budget: { left: number }): string[] | undefined {
  const all: string[] = [];
  [...commas, end].forEach((at, i) => {
    all.push(text.slice(i === 0 ? start + 1 : (commas[i - 1] ?? 0) + 1, at));
  });
  const expanded = all.map((one) => expandBraces(one, budget));
  const flat: string[] = [];
  for (const one of expanded) {
    if (one === undefined || flat.length + one.length > MAX_BRACES) return undefined;
    flat.push(...one);
  }
  return flat;
}

const NUMBERS = /^([+-]?\d{1,9})\.\.([+-]?\d{1,9})(?:\.\.([+-]?\d{1,9}))?$/;
const LETTERS = /^([A-Za-z])\.\.([A-Za-z])(?:\.\.([+-]?\d{1,9}))?$/;

/** A range; what is none stays as it is, braces and all. */
function ranged(inner: string): string[] | undefined {
  const numbers = NUMBERS.exec(inner);
  const [, from = "", to = "", by] = numbers ?? LETTERS.exec(inner) ?? [];
  // Numbers that bash's own integers may not hold are for nobody to guess.
  if (from === "") return /^[^.]*\d{10}|\.\.[+-]?\d{10}/.test(inner) ? undefined : [`{${inner}}`];
  const step = Math.abs(Number(by ?? 1)) || 1;
  if (numbers === null) {
    // From Z to a lie characters that mean something to a shell.
    if (from < "a" !== to < "a") return undefined;
    return steps(from.charCodeAt(0), to.charCodeAt(0), step)?.map((code) => String.fromCharCode(code));
  }
  const padded = /^[+-]?0\d/.test(from) || /^[+-]?0\d/.test(to);
  const width = padded ? Math.max(from.length, to.length) : 0;
  return steps(Number(from), Number(to), step)?.map((n) => {
    const digits = String(Math.abs(n));
    return n < 0 ? `-${digits.padStart(width - 1, "0")}` : digits.padStart(width, "0");
  });
}

function steps(from: number, to: number, step: number): number[] | undefined {
  const count = Math.floor(Math.abs(to - from) / step) + 1;
  if (count > MAX_BRACES) return undefined;
  const sign = from <= to ? 1 : -1;
  return Array.from({ length: count }, (_, i) => from + sign * step * i);
}

interface Open {
  start: number;
  end: number;
  commas: number[];
}

/** The first brace that is taken for one: a comma or `..` of its own stands before its end. */
function nextOpen(text: string, budget: { left: number }): Open | undefined {
  for (let i = 0; i < text.length; i++) {
    const skipped = skipQuoted(text, i);
    if (skipped !== i) i = skipped - 1;
    else if (text[i] === "{" && text[i - 1] !== "$" && !(i === 0 && text[1] === "}")) {
      if (--budget.left < 0) return undefined;
      const found = closing(text, i);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** An end without either before it is a character as any other. */
function closing(text: string, start: number): Open | undefined {
  const commas: number[] = [];
  let depth = 0;
  let dots = false;
  for (let i = start + 1; i < text.length; i++) {
    const skipped = skipQuoted(text, i);
    if (skipped !== i) {
      i = skipped - 1;
      continue;
    }
    const char = text[i];
    if (char === "}" && depth === 0 && (dots || commas.length > 0)) return { start, end: i, commas };
    if (char === "{") depth++;
    else if (char === "}" && depth > 0) depth--;
    else if (depth > 0) continue;
    else if (char === ",") commas.push(i);
    else if (char === "." && text[i + 1] === "." && text[i + 2] !== "}") dots = true;
  }
  return undefined;
}

/** The index behind what is quoted at `i`, or `i`. */
function skipQuoted(text: string, i: number): number {
  const char = text[i];
  if (char === "\\") return i + 2;
  if (char === "'") {
    const ansi = text[i - 1] === "$";
    for (let j = i + 1; j < text.length; j++) {
      if (ansi && text[j] === "\\") j++;
      else if (text[j] === "'") return j + 1;
    }
    return text.length;
  }
  if (char !== '"') return i;
  for (let j = i + 1; j < text.length; j++) {
    if (text[j] === "\\") j++;
    else if (text[j] === '"') return j + 1;
  }
  return text.length;
}
