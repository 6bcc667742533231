import { isRawNumber } from "../../base/lossless-json.ts";

/** One step of a field path: a key, any key (`.*`), an index, or any index (`[*]`). */
export type Step = { key: string } | { index: number } | { any: "key" | "index" };

const KEY = /\.?([A-Za-z_$][\w$-]*)/y;
const ANY_KEY = /\.?\*/y;
const QUOTED = /\['((?:[^'\\]|\\.)*)'\]/y;
const INDEX = /\[(\d{1,9})\]/y;
const ANY_INDEX = /\[\*\]/y;

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function readStep(text: string, at: number): { step: Step; length: number } | undefined {
  const bracket = text[at] === "[";
  // A key after the first needs its dot, and the first must have none.
  if (!bracket && (at === 0) === (text[at] === ".")) return undefined;
  let found = match(QUOTED, text, at);
  if (found !== null) return { step: { key: (found[1] ?? "").replace(/\\(.)/g, "$1") }, length: found[0].length };
  found = match(ANY_INDEX, text, at);
  if (found !== null) return { step: { any: "index" }, length: found[0].length };
  found = match(INDEX, text, at);
  if (found !== null) return { step: { index: Number(found[1]) }, length: found[0].length };
  found = match(ANY_KEY, text, at);
  if (found !== null) return { step: { any: "key" }, length: found[0].length };
  found = match(KEY, text, at);
  return found === null ? undefined : { step: { key: found[1] ?? "" }, length: found[0].length };
}

/**
 * Parses `data.*`, `data['db-password']`, `spec.containers[*].env[*].value`. Throws a SyntaxError: a mask
 * that is not understood must not mask nothing.
 */
export function parseFieldPath(text: string): Step[] {
  const steps: Step[] = [];
  let at = 0;
  while (at < text.length) {
    const read = readStep(text, at);
    if (read === undefined) throw new SyntaxError(`field path "${text}" is not understood at character ${at + 1}`);
    steps.push(read.step);
    at += read.length;
  }
  if (steps.length === 0) throw new SyntaxError("a field path is empty");
  return steps;
}

/** A key as a path shows it: `.name`, or `['other']`. */
export function showKey(key: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(key) ? `.${key}` : `['${key.replace(/['\\]/g, "\\$&")}']`;
}

export interface Selected {
  /** `data.password`, `spec.containers[0].env[2].value`. */
  path: string;
  /** What holds the value, and under which key, so that it can be replaced. */
  holder: Record<string, unknown> | unknown[];
  key: string | number;
  value: unknown;
}

function children(value: unknown, step: Step): [string | number, unknown][] {
  if (value === null || typeof value !== "object" || isRawNumber(value)) return [];
  if (Array.isArray(value)) {
    if ("any" in step) return step.any === "index" ? [...value.entries()] : [];
    return "index" in step && step.index < value.length ? [[step.index, value[step.index]]] : [];
  }
  if ("any" in step) return step.any === "key" ? Object.entries(value) : [];
  const key = "key" in step ? step.key : undefined;
  return key !== undefined && Object.hasOwn(value, key) ? [[key, (value as Record<string, unknown>)[key]]] : [];
}

/** Every place in `root` that the path selects. */
export function selectFields(root: unknown, steps: readonly Step[]): Selected[] {
  let found: Selected[] = [];
  for (const [depth, step] of steps.entries()) {
    const from: { path: string; value: unknown }[] = depth === 0 ? [{ path: "", value: root }] : found;
    found = from.flatMap(({ path, value }) =>
      children(value, step).map(([key, child]) => ({
        path: typeof key === "number" ? `${path}[${key}]` : (path + showKey(key)).replace(/^\./, ""),
        holder: value as Record<string, unknown>,
        key,
        value: child,
      })),
    );
  }
  return found;
}
