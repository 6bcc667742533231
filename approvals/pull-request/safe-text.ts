import { visible } from "../text.ts";

// What acts in GitHub Flavored Markdown, and in a commit message as well, where a squash puts a pull request's body
// and nothing is code: mentions, references to issues (`#1`, `GH-1`, `owner/repo#1`, their URLs), which a keyword
// before them closes, and what keeps workflows from running. More is taken than GitHub would take.
// https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
const MENTION = /(?<![A-Za-z0-9])@(?=[A-Za-z0-9])/g;
const ISSUE = /#(?=\d)/g;
const GH_ISSUE = /(?<=GH)-(?=\d)/gi;
const ISSUE_URL = /\/(?=(?:issues|pull|pulls|discussions|commit|commits|compare)\/[0-9a-f])/gi;
// https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
const SKIP = /\[(?=\s*(?:skip|no|ci|actions)[\s-])/gi;
const ACTIVE = [MENTION, ISSUE, GH_ISSUE, ISSUE_URL, SKIP];

/** The text with the one character that makes a mention or a reference shown as an escape; `as` says how. */
export function inert(text: string, as: (character: string) => string = braced): string {
  return ACTIVE.reduce((current, pattern) => current.replace(pattern, as), text);
}

function braced(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/**
 * Text of anybody's as Markdown in which nothing of it can act: a code span, on one line, with what cannot be seen,
 * mentions and references as escapes.
 */
export function safeText(text: string): string {
  const shown = inert(visible(text));
  if (shown === "") return "(none)";
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  // CommonMark §6.1: one space at each end is taken away where both are there, and there is more than spaces.
  const padded = /^[` ]|[` ]$/.test(shown) && /[^ ]/.test(shown);
  return padded ? `${fence} ${shown} ${fence}` : `${fence}${shown}${fence}`;
}

/** Text that is words and nothing else as it is; anything that could be Markdown as `safeText`. */
export function prose(text: string): string {
  const words = /^[A-Za-z0-9][A-Za-z0-9 .,;:'()/-]*$/.test(text) && !/www\.|:\/\/| {2}/i.test(text);
  return words && inert(text) === text ? text : safeText(text);
}

/** A fenced block: lines that are safe already (`inert`, `visible`), whatever backticks are in them. */
export function codeBlock(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/**
 * JSON whose strings hold nothing but letters, digits and spaces as they are, and escapes else: it parses to the same,
 * and no mention, reference, trailer or keyword of an agent's can act in a commit message.
 */
export function inertJson(json: string): string {
  const unit = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return json.replace(/"(?:[^"\\]|\\.)*"/g, (string) =>
    string.replace(/\\.|[^A-Za-z0-9 "]/g, (part) => (part.startsWith("\\") ? part : unit(part))),
  );
}
