/** Splits at commas that no backslash escapes (k8s.io/apimachinery/pkg/fields splitTerms). */
function splitTerms(selector: string): string[] {
  return selector.match(/(?:[^\\,]|\\[\s\S]|\\$)+/g) ?? [];
}

/** fields.UnescapeValue; undefined where the server would refuse the selector. */
function unescapeValue(text: string): string | undefined {
  if (/^(?:[^\\,=]|\\[\\,=])*$/.test(text)) return text.replace(/\\([\\,=])/g, "$1");
  return undefined;
}

/**
 * The object that a field selector pins by `metadata.name`, as RequestInfoFactory derives it:
 * RequiresExactMatch over the sorted terms. Empty where none does, or where the selector does not parse.
 */
export function nameOfFieldSelector(selector: string): string {
  let name: string | undefined;
  for (const term of splitTerms(selector).sort()) {
    const at = term.search(/!=|=/);
    if (at < 0) return "";
    const operator = term.startsWith("!=", at) ? "!=" : term.startsWith("==", at) ? "==" : "=";
    const value = unescapeValue(term.slice(at + operator.length));
    if (value === undefined) return "";
    if (operator !== "!=" && name === undefined && term.slice(0, at) === "metadata.name") name = value;
  }
  return name === undefined || name === "." || name === ".." || /[/%]/.test(name) ? "" : name;
}
