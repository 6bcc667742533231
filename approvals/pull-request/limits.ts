import { Refusal } from "../../base/errors.ts";
import type { Proposal } from "../types.ts";

/** What GitHub takes of a pull request's body and of a comment, in characters, less what the home adds for itself. */
const GITHUB_BODY = 65_536 - 4096;

/** The text, where GitHub takes it whole. Throws Refusal `body-too-large`: what is not shown cannot be approved. */
export function whole(text: string): string {
  if (text.length <= GITHUB_BODY) return text;
  throw tooLarge(text.length);
}

/**
 * Refuses changes that could not be shown whole, before a tenth of a second goes into rendering them: JSON is hardly
 * ever twice as long as YAML. Of a text that changes only the lines count that do, so that it is left to `whole`.
 */
export function checkChanges(changes: Proposal["changes"]): void {
  const sizes = changes.map(({ path, from, to }) =>
    typeof from === "string" && typeof to === "string" ? path.length : JSON.stringify([path, from, to]).length,
  );
  const size = sizes.reduce((sum, one) => sum + one, 0);
  if (size > GITHUB_BODY * 2) throw tooLarge(size);
}

function tooLarge(size: number): Refusal {
  return new Refusal("body-too-large", `the change is too large to be shown in a pull request (${size} characters)`, {
    next: "Split it into smaller requests.",
  });
}
