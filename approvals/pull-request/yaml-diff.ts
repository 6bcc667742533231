import { diffArrays } from "diff";
import type { Proposal } from "../types.ts";
import { type Step, stepsOf } from "./field-path.ts";
import {
  indented,
  isNested,
  isPlain,
  listEntry,
  literalHead,
  literalLines,
  mapEntry,
  quotedLines,
  yamlKey,
  yamlRows,
} from "./yaml-text.ts";

type Change = Proposal["changes"][number];
type Sign = " " | "-" | "+";

/** Lines of a text that are shown before and after those that change. */
const CONTEXT = 3;
/** Edits of a text that are looked for line by line; beyond, all of it goes and all of it comes. */
const MOST_EDITS = 200;

/**
 * What changes, as YAML with `-` for what is stored and `+` for what would be, under the fields and list entries that it
 * stands in. For a code block: nothing in it ends its scalar, acts, hides or stands out of sight.
 */
export function yamlDiff(changes: Proposal["changes"]): string {
  const rows: string[] = [];
  let above: Step[] = [];
  for (const change of changes) {
    const steps = stepsOf(change.path);
    const shared = sharedSteps(above, steps.slice(0, -1));
    steps.slice(shared, -1).forEach((step, i) => {
      rows.push(...signed(" ", shared + i, opening(step)));
    });
    rows.push(
      ...sides(steps.at(-1), change).flatMap(([sign, lines]) => signed(sign, Math.max(0, steps.length - 1), lines)),
    );
    above = steps.slice(0, -1);
  }
  return rows.join("\n");
}

function sharedSteps(a: readonly Step[], b: readonly Step[]): number {
  let shared = 0;
  while (shared < a.length && shared < b.length && same(a[shared], b[shared])) shared += 1;
  return shared;
}

function same(a: Step | undefined, b: Step | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function signed(sign: Sign, depth: number, rows: readonly string[]): string[] {
  return rows.map((row) => `${sign} ${"  ".repeat(depth)}${row}`);
}

/** A step that holds what changes. */
function opening(step: Step): string[] {
  switch (step.kind) {
    case "key":
      return [`${yamlKey(step.key)}:`];
    case "entry":
      return listEntry(step.keys.flatMap(([key, value]) => mapEntry(key, yamlRows(value), false)));
    case "index":
      return [`- # [${step.index}]`];
    case "order":
      return ["# order"];
  }
}

function sides(step: Step | undefined, change: Change): [Sign, string[]][] {
  const { from, to } = change;
  if (step?.kind === "key" && typeof from === "string" && typeof to === "string" && `${from}${to}`.includes("\n")) {
    return textSides(step.key, from, to);
  }
  return [
    ...("from" in change && from !== undefined ? [["-", valueRows(step, from)] as [Sign, string[]]] : []),
    ...("to" in change && to !== undefined ? [["+", valueRows(step, to)] as [Sign, string[]]] : []),
  ];
}

function valueRows(step: Step | undefined, value: unknown): string[] {
  const rows = yamlRows(value);
  switch (step?.kind) {
    case undefined:
      return rows;
    case "key":
      return mapEntry(step.key, rows, isNested(value));
    case "order":
      return mapEntry("order", rows, isNested(value)).map((row) => `# ${row}`);
    default:
      return listEntry(rows);
  }
}

/** A text of several lines, line by line: of a script or a configuration file in a ConfigMap a few lines change. */
function textSides(key: string, from: string, to: string): [Sign, string[]][] {
  const plain = isPlain(from) && isPlain(to);
  const head = (text: string): string => `${yamlKey(key)}: ${plain ? literalHead(text) : '"\\'}`;
  const lines = plain ? literalLines : quotedLines;
  const parts = diffArrays(lines(from), lines(to), { maxEditLength: MOST_EDITS }) ?? [
    { value: lines(from), removed: true, added: false },
    { value: lines(to), removed: false, added: true },
  ];
  const body = parts.map(({ value, added, removed }, i): [Sign, string[]] => {
    if (added || removed) return [removed ? "-" : "+", indented(value)];
    return [" ", indented(nearby(value, i === 0, i === parts.length - 1))];
  });
  const heads: [Sign, string[]][] =
    head(from) === head(to)
      ? [[" ", [head(to)]]]
      : [
          ["-", [head(from)]],
          ["+", [head(to)]],
        ];
  return [...heads, ...body, ...(plain ? [] : [[" ", ['  "']] as [Sign, string[]]])];
}

function nearby(lines: string[], first: boolean, last: boolean): string[] {
  const before = first ? 0 : CONTEXT;
  const after = last ? 0 : CONTEXT;
  const left = lines.length - before - after;
  if (left <= CONTEXT) return lines;
  return [...lines.slice(0, before), `# … ${left} lines that stay`, ...lines.slice(lines.length - after)];
}
