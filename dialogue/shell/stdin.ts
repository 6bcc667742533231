import type { HereDoc, Redirection, SyntaxNode, WordPart } from "unbash";
import { MAX_TEXT } from "./limits.ts";
import { argsOf, type Stdin } from "./simple.ts";
import type { UnparsedReason } from "./types.ts";
import type { Known } from "./variables.ts";
import { joinsDollar, readSingle, readVariable } from "./words.ts";

const EXPANDS: Record<string, UnparsedReason> = {
  CommandExpansion: "substitution",
  ProcessSubstitution: "substitution",
};

/** What standard input holds behind these redirections. */
export function stdinOf(redirects: readonly Redirection[], inherited: Stdin, known?: Known): Stdin {
  let stdin = inherited;
  let sources = inherited === undefined ? 0 : 1;
  for (const one of redirects) {
    const { descriptor } = one;
    if (descriptor !== undefined && (descriptor.type !== "FileDescriptor" || descriptor.value !== 0)) continue;
    if (one.operator.startsWith("<")) sources++;
    if (one.type === "HereDoc") stdin = documentOf(one, known);
    else if (one.type === "HereString") {
      const value = one.target === undefined ? null : readSingle(one.target, known);
      stdin = value === null ? { unparsed: "variable" } : { known: `${value}\n` };
    } else if (one.operator.startsWith("<")) {
      stdin = one.operator === "<" && one.target?.value === "/dev/null" ? { known: "" } : { unparsed: "script" };
    }
  }
  // bash takes the last, zsh all of them one after the other.
  return sources > 1 ? { unparsed: "dialect" } : stdin;
}

function documentOf({ body, closing, delimiter, operator }: HereDoc, known?: Known): Stdin {
  const strip = (text: string): string => (operator === "<<-" ? text.replace(/^\t+/gm, "") : text);
  if (delimiter === undefined || closing === undefined) return { unparsed: "syntax" };
  if (delimiter.quoted) return { known: strip(body.text) };
  if (joinsDollar(body.text)) return { unparsed: "characters" };
  const expanded = body.parts?.find(({ type }) => type !== "Literal");
  if (expanded !== undefined) {
    const unparsed = EXPANDS[expanded.type] ?? "variable";
    // Which tabs are stripped is decided before a variable is read.
    return operator === "<<" && known !== undefined ? (filled(body.parts ?? [], known) ?? { unparsed }) : { unparsed };
  }
  // Lines are joined first; the tabs of one that was joined to another stay.
  const joined = body.text.replace(/\\(.)/gs, (pair, escaped: string) => (escaped === "\n" ? "" : pair));
  return { known: strip(joined).replace(/\\([$`\\])/g, "$1") };
}

function filled(parts: readonly WordPart[], known: Known): Stdin {
  let text = "";
  for (const [i, part] of parts.entries()) {
    if (part.type === "Literal") {
      text += part.text.replace(/\\([$`\\\n])/g, (_, escaped: string) => (escaped === "\n" ? "" : escaped));
      continue;
    }
    if (part.type !== "SimpleExpansion" && part.type !== "ParameterExpansion") return undefined;
    const read = readVariable(part, known, parts[i + 1]?.text);
    if ("unparsed" in read || text.length > MAX_TEXT) return undefined;
    text += read.value;
  }
  return { known: text };
}

/** What a command of a pipeline hands to the next, where its text says so. */
export function knownOutput(node: SyntaxNode, stdin: Stdin, posix = false, known?: Known): Stdin {
  const unknown: Stdin = { unparsed: "script" };
  if (node.type !== "Command") return unknown;
  // A file that is not there ends it before it writes anything.
  if (node.redirects.some((one) => one.type === "Redirect")) return unknown;
  const args = argsOf(node, posix, known);
  const words = args.flatMap((arg) => ("value" in arg ? [arg.value] : []));
  const [name, ...rest] = words;
  if (words.length !== args.length || node.prefix.length > 0) return unknown;
  if (name === "cat" && (rest.length === 0 || (rest.length === 1 && rest[0] === "-"))) {
    return stdinOf(node.redirects, stdin, known) ?? unknown;
  }
  // What echo makes of backslashes and options is for each shell to say.
  if (name === "echo" && !rest.some((word) => word.includes("\\") || word.startsWith("-"))) {
    return { known: `${rest.join(" ")}\n` };
  }
  if (name === "printf" && rest.length === 1 && !/[\\%]/.test(rest[0] ?? "\\") && !rest[0]?.startsWith("-")) {
    return { known: rest[0] ?? "" };
  }
  if (name === "printf" && rest.length === 2 && /^%s(\\n)?$/.test(rest[0] ?? "")) {
    return { known: `${rest[1]}${rest[0] === "%s" ? "" : "\n"}` };
  }
  return unknown;
}
