/** One step of a change's path, as kubernetes/change.ts writes it. */
export type Step =
  | { kind: "key"; key: string }
  | { kind: "index"; index: number }
  /** An entry of a list, by what identifies it: `name="web"`. */
  | { kind: "entry"; keys: [string, string][] }
  /** Which order the entries of the list are in. */
  | { kind: "order" };

const PATTERNS: [RegExp, (match: RegExpExecArray) => Step | undefined][] = [
  [/^\.?([A-Za-z_$][\w$-]*)/, ([, key = ""]) => ({ kind: "key", key })],
  [/^\[("(?:[^"\\]|\\.)*")\]/, ([, json = '""']) => text(json, (key) => ({ kind: "key", key }))],
  [/^\[(\d+)\]/, ([, index]) => ({ kind: "index", index: Number(index) })],
  [/^\[order\]/, () => ({ kind: "order" })],
  [/^\[((?:,?[A-Za-z.]+="(?:[^"\\]|\\.)*")+)\]/, ([, keys = ""]) => entry(keys)],
];

/** `spec.containers[name="web"].image` as its steps; the whole path as one key where it is none. */
export function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  for (let rest = path; rest !== ""; ) {
    const found = next(rest);
    if (found === undefined) return [{ kind: "key", key: path }];
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

function next(rest: string): { step: Step; length: number } | undefined {
  for (const [pattern, read] of PATTERNS) {
    const match = pattern.exec(rest);
    const step = match === null ? undefined : read(match);
    if (match !== null && step !== undefined) return { step, length: match[0].length };
  }
  return undefined;
}

function text(json: string, read: (text: string) => Step): Step | undefined {
  try {
    return read(JSON.parse(json) as string);
  } catch {
    return undefined; // no JSON, and so no key
  }
}

function entry(keys: string): Step | undefined {
  const pairs = [...keys.matchAll(/([A-Za-z.]+)=("(?:[^"\\]|\\.)*")/g)];
  const read = pairs.map(([, key = "", json = '""']) =>
    text(json, (value) => ({ kind: "entry", keys: [[key, value]] })),
  );
  if (!read.every((step) => step?.kind === "entry")) return undefined;
  return { kind: "entry", keys: read.flatMap((step) => step.keys) };
}
