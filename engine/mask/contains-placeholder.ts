import { isRawNumber } from "../../base/lossless-json.ts";
import { showKey } from "./field-path.ts";
import { releaseText } from "./helm.ts";
import { PLACEHOLDER, placeholderForms } from "./placeholder.ts";
import { LAST_APPLIED } from "./walk.ts";

const DEPTH_LIMIT = 1000;
const PATHS_LIMIT = 100;
const FORMS = new Map<string, string[]>();

function formsOf(placeholder: string): string[] {
  let forms = FORMS.get(placeholder);
  if (forms === undefined) {
    forms = placeholderForms(placeholder);
    FORMS.set(placeholder, forms);
  }
  return forms;
}

/**
 * The paths at which a body carries a placeholder, as text, as base64, inside longer text, or inside a Helm release: written back
 * it would destroy the value that it stands for (Refusal `placeholder-write`). `body` is an object, a patch
 * fragment or the operations of a JSON patch. The last-applied annotation does not count: kubectl writes
 * there what it was shown, and an unchanged apply after a masked read is no write of the value.
 */
export function containsPlaceholder(body: unknown, placeholders: readonly string[] = [PLACEHOLDER]): string[] {
  const forms = placeholders.flatMap(formsOf);
  const found: string[] = [];
  const visit = (value: unknown, path: string, depth: number): void => {
    if (found.length >= PATHS_LIMIT) return;
    if (typeof value === "string") {
      const release = releaseText(value);
      if (forms.some((form) => value.includes(form) || release?.includes(form) === true)) {
        found.push(path.replace(/^\./, ""));
      }
      return;
    }
    if (value === null || typeof value !== "object" || isRawNumber(value)) return;
    if (depth > DEPTH_LIMIT) {
      found.push(path.replace(/^\./, ""));
      return;
    }
    for (const [key, child] of Object.entries(value)) {
      if (key === LAST_APPLIED && path === ".metadata.annotations") continue;
      visit(child, Array.isArray(value) ? `${path}[${key}]` : path + showKey(key), depth + 1);
    }
  };
  visit(body, "", 0);
  return found;
}
