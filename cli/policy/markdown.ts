import { inert } from "../../approvals/pull-request/safe-text.ts";
import { printable } from "../style.ts";

/**
 * Text of others in Markdown: no markup, no mention, reference or link, no end of the cell. Character references are not
 * enough: GitHub looks for mentions, and GFM for links, in what they stand for.
 */
export function cell(text: string): string {
  return inert(printable(text))
    .replace(/[\r\n]+/g, " ")
    .replace(/:(?=\/\/)/g, "\\u{3a}")
    .replace(/(?<=www)\./gi, "\\u{2e}")
    .replace(/[\\`*_{}[\]()#+!|<>~@&-]/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function code(text: string): string {
  return text === "" ? "" : `<code>${cell(text)}</code>`;
}
