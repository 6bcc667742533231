import { harmless } from "../../harmless.ts";

/** Markup that was built here, as opposed to text from outside. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text from outside as text of a page: no markup, no control or direction-changing characters. */
export function escaped(value: unknown): string {
  return harmless(String(value)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** Markup with values put in; whatever is no Markup is escaped. */
export function html(strings: TemplateStringsArray, ...values: unknown[]): Markup {
  return new Markup(strings.reduce((text, string, i) => text + string + (i < values.length ? put(values[i]) : ""), ""));
}

function put(value: unknown): string {
  if (value instanceof Markup) return value.text;
  return Array.isArray(value) ? value.map(put).join("") : escaped(value);
}

/** A table; a cell that is no Markup is text. Nothing where there are no rows. */
export function table(header: readonly string[], rows: readonly (readonly unknown[])[]): Markup {
  if (rows.length === 0) return html`<p>None.</p>`;
  return html`<table><thead><tr>${header.map((cell) => html`<th>${cell}</th>`)}</tr></thead><tbody>
${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody></table>`;
}
