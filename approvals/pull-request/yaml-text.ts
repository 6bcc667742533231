import { activeAt, inert } from "./safe-text.ts";

/** The widest row of a text: what is further right in a code block is out of sight. */
const WIDTH = 120;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
/** YAML 1.1 and 1.2 read these as something else than text. */
const RESERVED = /^(?:y|n|yes|no|true|false|on|off|null|nan|inf)$/i;

/**
 * A value of JSON as rows of block YAML, which parse to it again. Every text is double-quoted, or a literal block where
 * it is of plain lines: nothing in it can end its scalar, hide, act in Markdown, or stand out of sight.
 */
export function yamlRows(value: unknown): string[] {
  if (typeof value === "string") return textRows(value);
  if (Array.isArray(value) && value.length > 0) return value.flatMap((entry) => listEntry(yamlRows(entry)));
  if (isMap(value) && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([key, inner]) => mapEntry(key, yamlRows(inner), isNested(inner)));
  }
  return [JSON.stringify(value ?? null)];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether its rows stand below their key, and not beside it. */
export function isNested(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

export function mapEntry(key: string, rows: readonly string[], nested: boolean): string[] {
  const shown = yamlKey(key);
  // A value beside a long key would be out of sight.
  if (nested || shown.length > WIDTH) return [`${shown}:`, ...indented(rows)];
  const [first = "", ...rest] = rows;
  return [`${shown}: ${first}`, ...indented(rest)];
}

export function listEntry([first = "", ...rest]: readonly string[]): string[] {
  return [`- ${first}`, ...indented(rest)];
}

export function indented(rows: readonly string[]): string[] {
  return rows.map((row) => `  ${row}`);
}

/** As a key: bare where that is plain, double-quoted else. */
export function yamlKey(key: string): string {
  const bare = /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(key) && !RESERVED.test(key) && inert(key) === key;
  return bare ? key : `"${[...units(key)].map(({ shown }) => shown).join("")}"`;
}

function textRows(text: string): string[] {
  const lines = linesOf(text);
  if (lines.length > 1 && isPlain(text)) return [literalHead(text), ...literalLines(text)];
  const rows = lines.length === 1 ? quotedLine(text) : [];
  if (rows.length === 1) return [`"${rows[0]}"`];
  return ['"\\', ...quotedLines(text), '"'];
}

/** Whether a text of several lines can stand as it is. */
export function isPlain(text: string): boolean {
  return (
    !text.endsWith("\n\n") &&
    literalLines(text).every(
      (line) => line.length <= WIDTH && !line.endsWith(" ") && !INVISIBLE.test(line) && inert(line) === line,
    ) &&
    // A literal's indentation is that of its first line.
    /^[^ \n]/.test(text)
  );
}

export function literalHead(text: string): string {
  return text.endsWith("\n") ? "|" : "|-";
}

export function literalLines(text: string): string[] {
  return linesOf(text).map((line) => line.replace(/\n$/, ""));
}

/** The lines of a text, each with its line break where it has one. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [""];
}

/** The rows of a double-quoted scalar between `"\` and `"`: each ends in `\`, which takes the line break away. */
export function quotedLines(text: string): string[] {
  return linesOf(text).flatMap((line) => quotedLine(line).map((row) => `${row}\\`));
}

function quotedLine(line: string): string[] {
  const rows: Unit[][] = [[]];
  let width = 0;
  for (const unit of units(line)) {
    if (width + unit.shown.length > WIDTH) {
      rows.push([]);
      width = 0;
    }
    rows.at(-1)?.push(unit);
    width += unit.shown.length;
  }
  return rows.map((row, i) => quotedRow(row, i > 0));
}

interface Unit {
  character: string;
  shown: string;
}

function* units(text: string): Generator<Unit> {
  const active = activeAt(text);
  let at = 0;
  for (const character of text) {
    yield { character, shown: active.has(at) ? escaped(character) : shownCharacter(character) };
    at += character.length;
  }
}

/** White space that begins a row would be taken away. `continued`: what was harmless after a letter could act there. */
function quotedRow([first, ...rest]: readonly Unit[], continued: boolean): string {
  if (first === undefined) return "";
  const start = continued && /^[@:-]$/.test(first.shown) ? escaped(first.shown) : first.shown;
  return [start === " " ? "\\ " : start, ...rest.map(({ shown }) => shown)].join("");
}

function shownCharacter(character: string): string {
  // Nearly all of any text: classes of Unicode cost a hundred times that.
  if (character >= " " && character <= "~" && character !== '"' && character !== "\\") return character;
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (character === '"' || character === "\\") return `\\${character}`;
  return INVISIBLE.test(character) ? escaped(character) : character;
}

/** YAML 1.2 §5.7. */
function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
