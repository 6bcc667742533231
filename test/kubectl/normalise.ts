/** What may differ between two runs of one command: at most ten things, each by its name. */
export const FIELDS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["uid", /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g],
  ["resourceVersion", /(?<=resourceVersion"?[:=] ?"?)\d+/g],
  [
    "time",
    /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000)|\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g,
  ],
  // As in a column of ages, with the blanks that keep columns in line.
  ["age", /(?:<invalid>|<unknown>|\b\d+[smh](?:\d+s)?)(?= *(?:ago\b|\(|$| ))/gm],
  ["address", /\b(?:10|100|192)\.\d+\.\d+\.\d+\b/g],
  // Of objects, and of the folders that `kubectl diff` compares.
  [
    "generated name",
    /(?<=\b(?:LIVE|MERGED)-)\d+|(?<=\b(?:web|count|made)-)(?:[bcdfghjklmnpqrstvwxz2456789]{5,10}-)?[bcdfghjklmnpqrstvwxz2456789]{5,10}\b/g,
  ],
  ["server", /https:\/\/127\.0\.0\.1:\d+(?:\/connections\/local)?/g],
  ["log line", /^[IWE]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+/gm],
  ["port", /(?<=127\.0\.0\.1:|\[::1\]:)\d+/g],
];

/** The text with the variable fields, and the side's own name, taken out; blanks beside a field count as one. */
export function normalise(text: string, own: Record<string, string>): string {
  let out = text;
  for (const [name, value] of Object.entries(own)) out = out.replaceAll(value, `<${name}>`);
  for (const [name, pattern] of FIELDS) out = out.replace(pattern, `<${name}>`);
  return out.replace(/ *(<[a-z ]+>) */gi, " $1 ");
}
