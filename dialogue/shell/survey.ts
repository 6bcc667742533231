import { type Assignment, type Command, forEachChild, type ParsedScript, type SyntaxNode } from "unbash";
import { assignedIn } from "./assigned.ts";
import { NAMING, NUMBERED, PRECOMMANDS, STEADY, WILD } from "./builtins.ts";
import { reasonOf, text } from "./layer.ts";
import { type Arg, argsOf } from "./simple.ts";
import { changesReading } from "./special-names.ts";

/** What of a text's constants may be carried on to where they are used. */
export interface Survey {
  /** Nothing in the text may change a variable in a way that its assignments don't show. */
  carries: boolean;
  /** Names that are never carried: a function assigns them, or a builtin that is not followed here. */
  left: ReadonlySet<string>;
}

export const NOTHING_CARRIED: Survey = { carries: false, left: new Set() };
const MAX_ASSIGNED = 200;
const MAX_LEVELS = 60;
/** Arithmetic, which assigns and reads values as arithmetic in turn, and expansions that assign or hold such. */
const COUNTS =
  /\(\(|\$\[|\$\{(?!(?:[A-Za-z_]\w*|\d+)(?:(?::?[-+?]|##?|%%?|\/\/?|\^\^?|,,?)[^$`\\{}"'()[\]\n]*)?\}|[@*#?$!-]\})/;
/** Conditions that read no value as arithmetic or as a name. */
const PLAIN_TESTS = /^(?:-[nzfdeshrwxLSp]|==?|!=|=~|[<>]|-[no]t|-ef)$/;

/** Looks for all that could change a variable behind the back of who reads the text. */
export function survey(script: ParsedScript, source: string): Survey {
  if (script.errors !== undefined || COUNTS.test(source) || COUNTS.test(source.replaceAll("\\\n", "")))
    return NOTHING_CARRIED;
  if (assignedIn(script).size > MAX_ASSIGNED) return NOTHING_CARRIED;
  const left = new Set<string>();
  return isPlain(script, left, 0) ? { carries: true, left } : NOTHING_CARRIED;
}

function isPlain(node: SyntaxNode, left: Set<string>, level: number): boolean {
  if (level > MAX_LEVELS) return false;
  if (node.type === "Script" && (node as ParsedScript).errors !== undefined) return false;
  if (!isPlainItself(node, left)) return false;
  let plain = true;
  forEachChild(node, (child) => {
    plain &&= isPlain(child, left, level + 1);
  });
  return plain;
}

function isPlainItself(node: SyntaxNode, left: Set<string>): boolean {
  switch (node.type) {
    case "ArithmeticCommand":
    case "ArithmeticExpansion":
    case "ArithmeticFor":
    case "Coproc":
      return false;
    case "TestUnary":
    case "TestBinary":
      return PLAIN_TESTS.test(node.operator);
    case "For":
    case "Select":
      return !changesReading(node.name.text);
    case "FileDescriptorVariable":
      left.add(node.name);
      return !changesReading(node.name);
    case "Function":
      for (const name of assignedIn(node.body).keys()) left.add(name);
      return !isBuiltin(node.name.value);
    case "Assignment":
      return isPlainAssignment(node, left);
    case "Command":
      return isPlainCommand(node, left);
    default:
      return true;
  }
}

const isBuiltin = (name: string): boolean =>
  [STEADY, NUMBERED, NAMING, WILD, PRECOMMANDS].some((set) => set.has(name)) || ["[", "set", "test"].includes(name);

function isPlainAssignment({ name, append, index, value }: Assignment, left: Set<string>): boolean {
  if (index !== undefined || changesReading(name)) return false;
  if (append === true || value.type === "ArrayValue") left.add(name);
  return !(value.type === "ArrayValue" && value.elements.some((element) => element.text.includes("[")));
}

function isPlainCommand(node: Command, left: Set<string>): boolean {
  const args = argsOf(node);
  let i = 0;
  let wrapped = false;
  // A precommand's own options stand before the command; `-a` of exec takes a word, which is no builtin.
  for (; i < args.length; i++) {
    const word = text(args[i] ?? { value: "" });
    if (PRECOMMANDS.has(word)) wrapped = true;
    else if (!wrapped || !word.startsWith("-")) break;
  }
  const [first, ...words] = args.slice(i);
  if (first === undefined) return true;
  if ("unparsed" in first) return false;
  const name = first.value;
  if (WILD.has(name)) return false;
  if (name === "set") return setsPlainly(words);
  if (name === "[" || name === "test") return testsPlainly(words);
  if (NUMBERED.has(name)) return words.every((word) => text(word) === "$?" || /^\d+$/.test(text(word)));
  return NAMING.has(name) ? namesPlainly(name, words, left, wrapped) : true;
}

const OPTIONS = /^[-+][abefmnuvxCEPT]*o?$/;
const OPTION_NAMES = new Set(
  `allexport braceexpand errexit errtrace functrace noclobber noexec noglob notify nounset pipefail verbose
   xtrace`.split(/\s+/),
);

function setsPlainly(words: readonly Arg[]): boolean {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? { value: "" };
    if ("unparsed" in word) return false;
    if (word.value === "--" || word.value === "-") return true;
    if (!/^[-+]/.test(word.value)) return true;
    if (!OPTIONS.test(word.value)) return false;
    if (word.value.endsWith("o") && !OPTION_NAMES.has(text(words[++i] ?? { value: "" }))) return false;
  }
  return true;
}

/** `[ -v 'a[x=1]' ]` assigns, and zsh reads numbers there as arithmetic. */
function testsPlainly(words: readonly Arg[]): boolean {
  const own = words.filter((word, i) => !(i === words.length - 1 && text(word) === "]"));
  if (own.length > 0 && text(own[0] as Arg) === "!") own.shift();
  const operator = own[own.length === 2 ? 0 : 1];
  const decided = operator !== undefined && "value" in operator && PLAIN_TESTS.test(operator.value);
  return own.every((word) => {
    // A quoted one is one word at least, of which nobody knows what it says.
    if ("unparsed" in word) return decided && own.length < 4 && /^"[^"]*"$/.test(word.text);
    return !word.value.includes("[") && !/^-(?:[vRo]|eq|ne|lt|le|gt|ge)$/.test(word.value);
  });
}

function namesPlainly(name: string, words: readonly Arg[], left: Set<string>, wrapped: boolean): boolean {
  const [first] = words;
  // Only its option -v names a variable.
  if (name === "printf" && first !== undefined && /^(?:"[^-$`\\]|[^"'$`\\-])/.test(text(first))) return true;
  if (name === "wait" && words.length === 0) return true;
  const exports = name === "export" && !wrapped;
  if (exports && words.every((word) => /^[A-Za-z_]\w*(?:=|$)/.test(text(word)))) return words.every(isReadable);
  if (reasonOf(words) !== undefined) return false;
  for (const word of words.map(text)) {
    if (word.includes("[")) return false;
    if (/^(?:declare|export|local|readonly|typeset)$/.test(name) && /^[-+]/.test(word) && !/^-[gprx]+$/.test(word))
      return false;
    if (name === "mapfile" || name === "readarray" ? /^-\w*C/.test(word) : false) return false;
    for (const one of word.match(/[A-Za-z_]\w*/g) ?? []) {
      if (changesReading(one)) return false;
      left.add(one);
    }
  }
  return true;
}

/** A name that is exported keeps its value, and one that is assigned there is followed. */
const isReadable = (word: Arg): boolean => !changesReading(text(word).replace(/=.*$/s, ""));
