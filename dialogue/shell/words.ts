import { parse, type Word, type WordPart } from "unbash";
import { expandBraces } from "./braces.ts";
import type { UnparsedReason } from "./types.ts";

/** bash takes `~` for a folder also in what looks like an assignment. */
const HOMES = /[=:]~/;
/** An escape of a NUL, a line joined by a backslash, and `\x{…}`: bash and unbash 6.0.4 don't read them alike. */
const ODD_ESCAPE = /\\(x\{|0{1,3}(?![0-7])|x0{1,2}(?![0-9a-f])|u0{1,4}(?![0-9a-f])|U0{1,8}(?![0-9a-f])|c@|\n)/i;

/** What a word of the text becomes: one or more arguments, or why that cannot be told. */
export type ReadWord = { values: string[] } | { unparsed: UnparsedReason; text: string };

/** A word as bash makes arguments of it: braces first, then quotes and escapes. */
export function readWord(word: Word): ReadWord {
  return word.text.includes("{") ? readBraces(word) : readPlain(word);
}

/** As readWord, where the shell expands no braces: the value of an assignment, a file of a redirection, a here-string. */
export function readSingle(word: Word, assigned = false): string | null {
  // Behind `=` and each `:` of an assignment, `~` is a folder as well.
  if (assigned && /(^|:)~/.test(word.text)) return null;
  if (word.text.includes("{") && expandBraces(word.text)?.join() !== word.text) return null;
  const read = readPlain(word, assigned);
  return "values" in read ? (read.values[0] ?? "") : null;
}

function readPlain(word: Word, noGlob = false): ReadWord {
  const { text, parts } = word;
  const unparsed = (reason: UnparsedReason): ReadWord => ({ unparsed: reason, text });
  if (text.startsWith("~")) return unparsed("home");
  // zsh replaces `=kubectl` by the file of that program.
  if (text.startsWith("=") && text.length > 1 && text !== "==") return unparsed("dialect");
  if (parts === undefined) return HOMES.test(text) ? unparsed("home") : { values: [word.value] };
  let value = "";
  let before = "";
  for (const part of parts) {
    if (part.type === "Literal" && HOMES.test(before + part.text)) return unparsed("home");
    before = part.text.slice(-1);
    const read = readPart(part, noGlob);
    if ("unparsed" in read) return unparsed(read.unparsed);
    value += read.value;
  }
  return { values: [value] };
}

function readPart(part: WordPart, noGlob: boolean): { value: string } | { unparsed: UnparsedReason } {
  switch (part.type) {
    case "Literal":
    case "SingleQuoted":
      return { value: part.value };
    case "AnsiCQuoted":
      return part.value.includes("\0") || ODD_ESCAPE.test(part.text) || part.value.includes("\ufffd")
        ? { unparsed: "characters" }
        : { value: part.value };
    case "DoubleQuoted": {
      let value = "";
      for (const child of part.parts) {
        const read = readPart(child, true);
        if ("unparsed" in read) return read;
        value += read.value;
      }
      return { value };
    }
    case "LocaleString":
      return { unparsed: "dialect" };
    case "Glob":
      return noGlob ? { value: part.text } : { unparsed: "glob" };
    case "ExtendedGlob":
      return { unparsed: "glob" };
    case "CommandExpansion":
    case "ProcessSubstitution":
      return { unparsed: "substitution" };
    default:
      return { unparsed: "variable" };
  }
}

/** bash expands braces in the text, before anything else: what comes of them is read as words again. */
function readBraces(word: Word): ReadWord {
  const texts = expandBraces(word.text);
  if (texts === undefined) return { unparsed: "too-many", text: word.text };
  if (texts.length === 1 && texts[0] === word.text) return readPlain(word);
  const values: string[] = [];
  for (const text of texts) {
    if (text === "") continue;
    // The text stands alone here, behind a name that keeps it from being an assignment.
    const script = parse(`: ${text}`);
    const command = script.commands[0]?.command;
    if (script.errors !== undefined || script.commands.length !== 1 || command?.type !== "Command") {
      return { unparsed: "syntax", text: word.text };
    }
    const [only, ...more] = command.suffix;
    if (only?.type !== "Word" || more.length > 0) return { unparsed: "syntax", text: word.text };
    if (only.parts?.some(({ type }) => type === "BraceExpansion")) return { unparsed: "syntax", text: word.text };
    const read = readPlain(only);
    if ("unparsed" in read) return { unparsed: read.unparsed, text: word.text };
    values.push(...read.values);
  }
  return { values };
}

/** Whether dash reads the word otherwise: it knows no braces and no `$'…'`. */
export function differsInPosix({ text, parts }: Word): boolean {
  if (parts?.some(({ type }) => type === "AnsiCQuoted") === true) return true;
  return text.includes("{") && expandBraces(text)?.join() !== text;
}
