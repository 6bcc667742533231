import { badTarget } from "./refuse-target.ts";

const PARAMETER_LIMIT = 1000;

function queryUnescape(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return badTarget("its query holds an invalid percent escape");
  }
}

/**
 * Go's url.ParseQuery, less its leniency: Go drops a pair with `;` or with a bad escape in silence, so that
 * what policy read and what the server reads would differ (wire-pitfalls: query differential). Repeated
 * parameters keep their order.
 */
export function parseQuery(rawQuery: string): Record<string, string[]> {
  const query: Record<string, string[]> = Object.create(null);
  if (rawQuery === "") return query;
  if (rawQuery.includes(";")) badTarget("its query holds a semicolon, which the API server does not split on");
  const pairs = rawQuery.split("&");
  if (pairs.length > PARAMETER_LIMIT) badTarget(`its query holds more than ${PARAMETER_LIMIT} parameters`);
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const key = queryUnescape(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : queryUnescape(pair.slice(equals + 1));
    if (value.includes("\0") || key.includes("\0")) badTarget("its query holds an encoded NUL");
    const values = query[key];
    if (values === undefined) query[key] = [value];
    else values.push(value);
  }
  return query;
}

/** runtime.Convert_Slice_string_To_bool: the first value counts; only absent, `0` and `false` are false. */
export function queryBoolean(values: string[] | undefined): boolean {
  const first = values?.[0];
  return first !== undefined && first !== "0" && first.toLowerCase() !== "false";
}

/** dryrun.IsDryRun after validation: the server takes nothing but `All`, so anything else is judged as the real thing. */
export function isDryRun(values: unknown): boolean {
  return Array.isArray(values) && values.length > 0 && values.every((value) => value === "All");
}
