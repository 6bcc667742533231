import type { HereDoc, Redirection, SyntaxNode } from "unbash";
import { argsOf, type Stdin } from "./simple.ts";
import type { UnparsedReason } from "./types.ts";
import { readSingle } from "./words.ts";

const EXPANDS: Record<string, UnparsedReason> = {
  CommandExpansion: "substitution",
  ProcessSubstitution: "substitution",
};

/** What standard input holds behind these redirections: the last that names it wins. */
export function stdinOf(redirects: readonly Redirection[], inherited: Stdin): Stdin {
  let stdin = inherited;
  for (const one of redirects) {
    const { descriptor } = one;
    if (descriptor !== undefined && (descriptor.type !== "FileDescriptor" || descriptor.value !== 0)) continue;
    if (one.type === "HereDoc") stdin = documentOf(one);
    else if (one.type === "HereString") {
      const value = one.target === undefined ? null : readSingle(one.target);
      stdin = value === null ? { unparsed: "variable" } : { known: `${value}\n` };
    } else if (one.operator.startsWith("<")) {
      stdin = one.operator === "<" && one.target?.value === "/dev/null" ? { known: "" } : { unparsed: "script" };
    }
  }
  return stdin;
}

function documentOf({ body, delimiter, operator }: HereDoc): Stdin {
  const strip = (text: string): string => (operator === "<<-" ? text.replace(/^\t+/gm, "") : text);
  if (delimiter === undefined) return { unparsed: "syntax" };
  if (delimiter.quoted) return { known: strip(body.text) };
  // Tabs go before anything else is read of a line.
  if (body.parts === undefined) return { known: unescaped(strip(body.text)) };
  let text = "";
  for (const part of body.parts) {
    if (part.type !== "Literal") return { unparsed: EXPANDS[part.type] ?? "variable" };
    text += part.value;
  }
  return { known: strip(text) };
}

/** In a document that is not quoted a backslash escapes these, and joins lines. */
const unescaped = (text: string): string =>
  text.replace(/\\([$`\\\n])/g, (_, escaped: string) => (escaped === "\n" ? "" : escaped));

/** What a command of a pipeline hands to the next, where its text says so. */
export function knownOutput(node: SyntaxNode, stdin: Stdin, posix = false): Stdin {
  const unknown: Stdin = { unparsed: "script" };
  if (node.type !== "Command") return unknown;
  if (node.redirects.some((one) => one.type === "Redirect" && one.operator.includes(">"))) return unknown;
  const args = argsOf(node, posix);
  const words = args.flatMap((arg) => ("value" in arg ? [arg.value] : []));
  const [name, ...rest] = words;
  if (words.length !== args.length || node.prefix.length > 0) return unknown;
  if (name === "cat" && (rest.length === 0 || (rest.length === 1 && rest[0] === "-"))) {
    return stdinOf(node.redirects, stdin) ?? unknown;
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
