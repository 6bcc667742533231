import { parse, type Word, type WordPart } from "unbash";
import { expandBraces } from "./braces.ts";
import { MAX_TEXT } from "./limits.ts";
import type { UnparsedReason } from "./types.ts";
import type { Known } from "./variables.ts";

/** bash takes `~` for a folder also in what looks like an assignment. */
const HOMES = /[=:]~/;
/** An escape of a NUL, a line joined by a backslash, and `\x{…}`: bash and unbash 6.0.4 don't read them alike. */
const ODD_ESCAPE = /\\(x\{|0{1,3}(?![0-7])|x0{1,2}(?![0-9a-f])|u0{1,4}(?![0-9a-f])|U0{1,8}(?![0-9a-f])|c@|\n)/i;

/** What a variable may hold that stands outside of quotes: every shell makes one word of it, which is no pattern. */
const ONE_WORD = /^[\w./:@%+,-][\w./:@%+,=-]*$/;
/** With a default, which a value that is there makes nothing of. */
const VARIABLE = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-?][^}]*)?\})$/s;
const NOTHING: Known = () => undefined;

/** What a word of the text becomes: one or more arguments, or why that cannot be told. */
export type ReadWord = { values: string[] } | { unparsed: UnparsedReason; text: string };

/** bash joins lines before it looks at what stands behind a dollar, and unbash 6.0.4 does not. */
export const joinsDollar = (text: string): boolean => text.includes("$\\\n");

/** A word as bash makes arguments of it: braces first, then variables, quotes and escapes. */
export function readWord(word: Word, known: Known = NOTHING): ReadWord {
  return word.text.includes("{") ? readBraces(word, known) : readPlain(word, known);
}

/** As readWord, where the shell expands no braces: the value of an assignment, a file of a redirection, a here-string. */
export function readSingle(word: Word, known: Known = NOTHING, assigned = false): string | null {
  // Behind `=` and each `:` of an assignment, `~` is a folder as well.
  if (assigned && /(^|:)~/.test(word.text)) return null;
  // Of an array with more behind it unbash 6.0.4 makes one word without parts.
  if (assigned && word.text.startsWith("(")) return null;
  if (word.text.includes("{") && expandBraces(word.text)?.join() !== word.text) return null;
  const read = readPlain(word, known, assigned);
  return "values" in read ? (read.values[0] ?? "") : null;
}

function readPlain(word: Word, known: Known, noGlob = false): ReadWord {
  const { text, parts } = word;
  const unparsed = (reason: UnparsedReason): ReadWord => ({ unparsed: reason, text });
  if (joinsDollar(text)) return unparsed("characters");
  if (text.startsWith("~")) return unparsed("home");
  // zsh replaces `=kubectl` by the file of that program.
  if (text.startsWith("=") && text.length > 1 && text !== "==") return unparsed("dialect");
  if (parts === undefined) return HOMES.test(text) ? unparsed("home") : { values: [word.value] };
  let value = "";
  let before = "";
  for (const [i, part] of parts.entries()) {
    if (part.type === "Literal" && HOMES.test(before + part.text)) return unparsed("home");
    before = part.text.slice(-1);
    const read = readPart(part, known, noGlob, parts[i + 1]?.text);
    if ("unparsed" in read) return unparsed(read.unparsed);
    if (isVariable(part) && !ONE_WORD.test(read.value)) return unparsed("variable");
    value += read.value;
    if (value.length > MAX_TEXT) return unparsed("too-long");
  }
  return { values: [value] };
}

const isVariable = ({ type }: WordPart): boolean => type === "SimpleExpansion" || type === "ParameterExpansion";

function readPart(
  part: WordPart,
  known: Known,
  noGlob: boolean,
  next = "",
): { value: string } | { unparsed: UnparsedReason } {
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
      for (const [i, child] of part.parts.entries()) {
        const read = readPart(child, known, true, part.parts[i + 1]?.text);
        if ("unparsed" in read) return read;
        value += read.value;
        if (value.length > MAX_TEXT) return { unparsed: "too-long" };
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
    case "SimpleExpansion":
    case "ParameterExpansion":
      return readVariable(part, known, next);
    default:
      return { unparsed: "variable" };
  }
}

/** A variable that stands in a text, before what follows it there. */
export function readVariable(
  { type, text }: { type: string; text: string },
  known: Known,
  next = "",
): { value: string } | { unparsed: UnparsedReason } {
  const [, plain = "", braced = plain, orElse] = VARIABLE.exec(text) ?? [];
  const value = known(braced);
  if (value === undefined || (value === "" && orElse !== undefined)) return { unparsed: "variable" };
  // zsh takes `$x[1]` for a part of the value, and `$x:t` for a change of it.
  if (type === "SimpleExpansion" && /^(?:\[|:[A-Za-z&])/.test(next)) return { unparsed: "dialect" };
  return { value };
}

/** bash expands braces in the text, before anything else: what comes of them is read as words again. */
function readBraces(word: Word, known: Known): ReadWord {
  const texts = expandBraces(word.text);
  if (texts === undefined) return { unparsed: "too-many", text: word.text };
  if (texts.length === 1 && texts[0] === word.text) return readPlain(word, known);
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
    const read = readPlain(only, NOTHING);
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
