import type { HereDoc, Redirection, SyntaxNode } from "unbash";
import { argsOf, type Stdin } from "./simple.ts";
import type { UnparsedReason } from "./types.ts";
import type { Known } from "./variables.ts";
import { readSingle } from "./words.ts";

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
    if (one.type === "HereDoc") stdin = documentOf(one);
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

function documentOf({ body, closing, delimiter, operator }: HereDoc): Stdin {
  const strip = (text: string): string => (operator === "<<-" ? text.replace(/^\t+/gm, "") : text);
  if (delimiter === undefined || closing === undefined) return { unparsed: "syntax" };
  if (delimiter.quoted) return { known: strip(body.text) };
  const expanded = body.parts?.find(({ type }) => type !== "Literal");
  if (expanded !== undefined) return { unparsed: EXPANDS[expanded.type] ?? "variable" };
  // Lines are joined first; the tabs of one that was joined to another stay.
  const joined = body.text.replace(/\\(.)/gs, (pair, escaped: string) => (escaped === "\n" ? "" : pair));
  return { known: strip(joined).replace(/\\([$`\\])/g, "$1") };
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
