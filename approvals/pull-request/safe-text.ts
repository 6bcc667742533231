import { visible } from "../text.ts";

// What acts in GitHub Flavored Markdown, and in a commit message as well, where a squash puts a pull request's body
// and nothing is code: mentions (html-pipeline's MentionFilter and TeamMentionFilter), references to issues (`#1`,
// `GH-1`, `owner/repo#1`, their URLs), which a keyword before them closes, and what keeps workflows from running.
// More is taken than GitHub takes. Each match is the one character without which there is nothing to act.
// https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
// https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
const ACTIVE = new RegExp(
  [
    "(?<![a-z0-9])@(?=[a-z0-9])",
    "#(?=\\d)",
    "(?<=GH)-(?=\\d)",
    "/(?=(?:issues?|pulls?|discussions?|commits?|compare)/[0-9a-f])",
    "\\[(?=\\s*(?:skip|no|ci|actions)[\\s-])",
    "(?<=skip-checks)\\s*:",
  ].join("|"),
  "gi",
);

function braced(text: string): string {
  return [...text].map((character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`).join("");
}

/** The text with the character that makes a mention or a reference of it shown as an escape (`\u{40}alice`). */
export function inert(text: string): string {
  return text.replace(ACTIVE, braced);
}

/** Where in the text such a character stands. */
export function activeAt(text: string): ReadonlySet<number> {
  return new Set(
    [...text.matchAll(ACTIVE)].flatMap(({ index, 0: { length } }) => Array.from({ length }, (_, i) => index + i)),
  );
}

/**
 * Anybody's text as Markdown in which nothing of it can act: a code span on one line, with mentions, references and
 * what cannot be seen as escapes.
 */
export function safeText(text: string): string {
  const shown = inert(visible(text));
  if (shown === "") return "(none)";
  const fence = "`".repeat(longestRun(shown) + 1);
  // CommonMark §6.1: a space at each end is taken away where both have one, and there is more than spaces.
  const padded = /^[` ]|[` ]$/.test(shown) && /[^ ]/.test(shown);
  return padded ? `${fence} ${shown} ${fence}` : `${fence}${shown}${fence}`;
}

/** Words as they are; whatever could be more than words to Markdown, as `safeText`. */
export function prose(text: string): string {
  const words = /^[A-Za-z0-9][A-Za-z0-9 .,;:'()/-]*$/.test(text) && !/www\.|:\/| {2}/i.test(text);
  return words && inert(text) === text ? text : safeText(text);
}

/** A fenced block of lines in which nothing acts by itself; no run of backticks in them ends it. */
export function codeBlock(language: string, text: string): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}${language}\n${text}\n${fence}`;
}

function longestRun(text: string): number {
  return [...text.matchAll(/`+/g)].reduce((longest, [run]) => Math.max(longest, run.length), 0);
}

/**
 * JSON whose strings hold nothing but letters, digits and spaces as they are, and escapes else: it parses to the same,
 * and no mention, reference, trailer or keyword in it can act in a commit message.
 */
export function inertJson(json: string): string {
  const unit = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return json.replace(/"(?:[^"\\]|\\.)*"/g, (string) =>
    string.replace(/\\.|[^A-Za-z0-9 "]/g, (part) => (part.startsWith("\\") ? part : unit(part))),
  );
}
