import type { Assignment, Command, Redirection } from "unbash";
import type { ReadOptions, ShellCommand, UnparsedReason } from "./types.ts";
import type { Known, Variables } from "./variables.ts";
import { differsInPosix, readSingle, readWord } from "./words.ts";

/** An argument, or why it is not known. */
export type Arg = { value: string } | { unparsed: UnparsedReason; text: string };

/** Standard input: what the text says it holds, a reason why that is unknown, or nothing said. */
export type Stdin = { known: string } | { unparsed: UnparsedReason } | undefined;

/** Where in the text a command stands. */
export interface Place {
  source: string;
  depth: number;
  via: readonly string[];
  stdin: Stdin;
  /** The shell knows no braces and no `$'…'`, as dash does, or it is not known whether it does. */
  posix?: boolean;
  /** Of the shell that reads it. */
  variables: Variables;
}

/** A simple command before anything is taken off. */
export interface Simple {
  args: Arg[];
  text: string;
  assignments: { name: string; value: string | null }[];
  redirects: { operator: string; file: string | null }[];
  place: Place;
}

/** Reading ends here, with what was read so far. */
export class Stop extends Error {
  readonly reason: UnparsedReason;
  constructor(reason: UnparsedReason) {
    super(reason);
    this.reason = reason;
  }
}

/** Who takes what is found. */
export interface Sink {
  readonly options: ReadOptions;
  push(command: ShellCommand): void;
  /** A text that a shell would be given, inside another: the shell itself, where it is the `same`. */
  nested(text: string, place: Omit<Place, "source">, same: boolean): void;
}

/** Commands that share an input may read it up for one another. */
export const shared = (stdin: Stdin): Stdin => (stdin === undefined ? undefined : { unparsed: "script" });

export const viaOf = (via: readonly string[]): { via?: string[] } => (via.length === 0 ? {} : { via: [...via] });

export function argsOf(node: Command, posix = false, known?: Known): Arg[] {
  const words = node.name === undefined ? [] : [node.name, ...node.args];
  return words.flatMap((word): Arg[] => {
    if (word.type === "Assignment") {
      const { value } = assigned(word, known);
      // As an argument it is a word like others, that may be a pattern.
      const { value: right } = word;
      const isPattern =
        right.type === "Word" && right.parts?.some(({ type }) => type === "Glob" || type === "ExtendedGlob");
      if (isPattern === true) return [{ unparsed: "glob", text: word.text }];
      const equals = word.append === true ? "+=" : "=";
      return [value === null ? { unparsed: "variable", text: word.text } : { value: `${word.name}${equals}${value}` }];
    }
    if (posix && differsInPosix(word)) return [{ unparsed: "dialect", text: word.text }];
    const read = readWord(word, known);
    return "values" in read ? read.values.map((value) => ({ value })) : [read];
  });
}

export function assigned({ name, value, index }: Assignment, known?: Known): { name: string; value: string | null } {
  return { name, value: value.type === "Word" && index === undefined ? readSingle(value, known, true) : null };
}

/** Digits that bash cannot keep as a descriptor are a word to it, which stands where they do. */
export const wordsInRedirects = (redirects: readonly Redirection[]): Arg[] =>
  redirects.flatMap(({ descriptor }): Arg[] =>
    descriptor?.type === "FileDescriptor" && descriptor.value > 0x7fffffff
      ? [{ unparsed: "dialect", text: String(descriptor.value) }]
      : [],
  );

export function redirectsOf(
  redirects: readonly Redirection[],
  known?: Known,
): { operator: string; file: string | null }[] {
  return redirects.flatMap((one) => {
    if (one.type !== "Redirect" || one.target === undefined) return [];
    const file = readSingle(one.target, known);
    // `2>&1` names no file.
    if (/[<>]&$/.test(one.operator) && file !== null && /^(\d+-?|-)$/.test(file)) return [];
    return [{ operator: one.operator, file }];
  });
}
