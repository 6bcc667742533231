/**
 * Whether glob patterns select a list of values, as `sallyport.lib.globs` has it: some pattern matches a value
 * (or there are only exclusions), and no `!` exclusion matches one. Absent or empty patterns select all.
 */
export function globsSelect(patterns: readonly string[] | undefined, values: readonly string[]): boolean {
  if (patterns === undefined || patterns.length === 0) return true;
  const excluded = patterns.filter((pattern) => pattern.startsWith("!"));
  const included = patterns.filter((pattern) => !pattern.startsWith("!"));
  if (excluded.some((pattern) => values.some((value) => globMatches(pattern.slice(1), value)))) return false;
  return included.length === 0 || included.some((pattern) => values.some((value) => globMatches(pattern, value)));
}

/** `*` stands for any text, the empty one too; nothing else is special. Linear: no backtracking over hostile names. */
function globMatches(pattern: string, value: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return head === value;
  if (!value.startsWith(head)) return false;
  const tail = rest.pop() ?? "";
  let at = head.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.length - tail.length >= at && value.endsWith(tail);
}
