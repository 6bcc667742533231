import { Refusal } from "../../base/errors.ts";

/** What GitHub takes of a pull request's body and of a comment, in characters, less what the home adds for itself. */
const GITHUB_BODY = 65_536 - 4096;

/** The text, where GitHub takes it whole. Throws Refusal `body-too-large`: what is not shown cannot be approved. */
export function whole(text: string): string {
  if (text.length <= GITHUB_BODY) return text;
  throw new Refusal(
    "body-too-large",
    `the change is too large to be shown in a pull request (${text.length} characters)`,
    {
      next: "Split it into smaller requests.",
    },
  );
}
