import { MAX_HEREDOCS, MAX_OPENERS, MAX_TEXT, MAX_WORK } from "./limits.ts";
import { Reader } from "./script.ts";
import { Stop } from "./simple.ts";
import type { ReadOptions, ShellCommand, UnparsedReason } from "./types.ts";

/** What makes the parser go over a text once more. */
const OPENERS = /[$<>]\(|`|\$\{|\$\[|\(\(|[@!+*?]\(/g;
const KEPT_TEXT = 2000;

/**
 * The simple commands of a shell text (bash's grammar, and what zsh reads alike), those in its substitutions,
 * functions, loops and subshells and those that its wrappers and nested shells start included, in about the order in
 * which they would run. What the text alone does not decide carries `unparsed` with the reason. Never throws: a text
 * that cannot be read is one command that says so.
 */
export function readCommands(text: string, options: ReadOptions = {}): ShellCommand[] {
  const whole = (unparsed: UnparsedReason): ShellCommand => ({ argv: [], text: text.slice(0, KEPT_TEXT), unparsed });
  if (text.length > MAX_TEXT) return [whole("too-long")];
  if (tooMany(text)) return [whole("too-many")];
  const reader = new Reader(options);
  try {
    reader.whole(text);
    // bash drops a NUL, and what starts a program ends its arguments there.
    if (text.includes("\0")) reader.push(whole("characters"));
  } catch (error) {
    if (!(error instanceof Stop)) reader.push(whole(error instanceof RangeError ? "too-deep" : "crash"));
    else reader.push(whole(error.reason));
  }
  return reader.finished();
}

function tooMany(text: string): boolean {
  const openers = text.match(OPENERS)?.length ?? 0;
  const documents = text.split("<<").length - 1;
  if (openers > MAX_OPENERS || documents > MAX_HEREDOCS) return true;
  return (openers + documents) * text.length > MAX_WORK;
}
