import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { runOpa } from "../../../engine/bundle/opa.ts";
import { listSources } from "../../../engine/bundle/sources.ts";

/** A change of a rule's Rego that `input.mutation` switches on in the instrumented sources. */
export interface BodyMutant {
  id: string;
  rule: string;
  change: string;
}

export interface Instrumented {
  /** By path below the folder of rules. */
  files: Map<string, string>;
  mutants: BodyMutant[];
}

interface Location {
  row: number;
  col: number;
  text: string;
}

/** One rule of a module, as `opa parse` has it. */
interface Clause {
  location: Location;
  default?: boolean;
  else?: unknown;
  head: {
    name?: string;
    ref: { value: unknown }[];
    key?: unknown;
    args?: unknown[];
    value?: { type: string };
  };
  body?: { location: Location }[];
}

/**
 * The library with every mutant of its rules' bodies in it, each behind a question for `input.mutation` (mutant
 * schemata: Untch, Offutt, Harrold, ISSTA 1993): one compilation serves them all, and nothing is mutated where the
 * input names none. `<rule>:off` silences a rule wholly.
 */
export async function instrument(folder: string, opa: string): Promise<Instrumented> {
  const files = new Map<string, string>();
  const mutants: BodyMutant[] = [];
  for (const { path, file } of await listSources([folder])) {
    const source = await readFile(file, "utf8");
    const rule = dirname(path);
    const isRule = source.includes("\npackage sallyport.rules.") && basename(path, ".rego") === basename(rule);
    if (!isRule) files.set(path, source);
    else {
      const mutated = mutate(rule, source, await clausesOf(file, opa));
      files.set(path, mutated.source);
      mutants.push(...mutated.mutants);
    }
  }
  return { files, mutants };
}

async function clausesOf(file: string, opa: string): Promise<Clause[]> {
  const parsed = await runOpa(opa, ["parse", "--format", "json", "--json-include", "locations", file]);
  if (parsed.code !== 0) throw new Error(`${file}: ${parsed.stderr}`);
  return (JSON.parse(parsed.stdout) as { rules: Clause[] }).rules.filter((clause) => clause.default !== true);
}

function mutate(rule: string, source: string, clauses: readonly Clause[]): { source: string; mutants: BodyMutant[] } {
  const mutants: BodyMutant[] = [];
  const edits: Edit[] = [];
  const more: string[] = [];
  const add = (name: string, change: string): string => {
    const id = `${rule}:${name}`;
    mutants.push({ id, rule, change });
    return id;
  };
  const off = add("off", "the body is false");
  const findings = clauses.filter((clause) => nameOf(clause) === "findings");
  for (const clause of clauses) {
    const name = nameOf(clause);
    const { row } = clause.location;
    const isDocument = name === "findings" || name === "masks";
    const guards = isDocument ? [off] : [];
    // The only clause of findings is the rule itself.
    const own = isDocument ? name === "masks" || findings.length > 1 : decides(source, clause);
    if (own) guards.push(add(`${row}:false`, `${name} in line ${row} is false`));
    if (guards.length > 0) edits.push(...guarded(source, clause, guards));
  }
  // A rule whose match is its whole condition is true as it is.
  if (findings.every((clause) => conditionAt(source, clause) !== undefined)) {
    const id = add("true", "the body is true");
    more.push(`findings contains {"message": "mutated", "fields": []} if input.mutation == "${id}"`);
  }
  const helpers = new Map(
    clauses.filter((clause) => decides(source, clause)).map((clause) => [nameOf(clause), clause]),
  );
  for (const [name, { head }] of helpers) {
    const args = head.args?.map((_, i) => `_arg${i}`).join(", ");
    const id = add(`${name}:true`, `${name} is true`);
    more.push(`${name}${args === undefined ? "" : `(${args})`} if input.mutation == "${id}"`);
  }
  return { source: `${apply(source, edits)}\n${more.join("\n\n")}\n`, mutants };
}

function nameOf({ head }: Clause): string {
  return head.name ?? String(head.ref[0]?.value);
}

/** A helper that says yes or no; others find words and values, and a rule without them finds nothing. */
function decides(source: string, clause: Clause): boolean {
  const { head, else: otherwise } = clause;
  if (head.value?.type !== "boolean" || head.key !== undefined || otherwise !== undefined) return false;
  return conditionAt(source, clause) !== undefined;
}

/** What stands before a condition: `if`, a brace where there are several, and comments. */
const OPENING = /\bif( \{)?\s*(#[^\n]*\n\s*)*$/;

/** Where the condition of a clause begins; undefined where it has none: opa gives it a body of its own making. */
function conditionAt(source: string, { body, location }: Clause): number | undefined {
  const first = body?.[0];
  if (first === undefined) return undefined;
  const at = offsetOf(source, first.location);
  return OPENING.test(source.slice(offsetOf(source, location), at)) ? at : undefined;
}

interface Edit {
  at: number;
  insert: string;
}

/** The clause with conditions in front of its own. */
function guarded(source: string, clause: Clause, ids: readonly string[]): Edit[] {
  const start = offsetOf(source, clause.location);
  const end = start + textOf(clause.location).length;
  const conditions = ids.map((id) => `not input.mutation == "${id}"`).join("\n\t");
  const at = conditionAt(source, clause);
  if (at === undefined) return [{ at: end, insert: ` if {\n\t${conditions}\n}` }];
  if (OPENING.exec(source.slice(start, at))?.[1] !== undefined) return [{ at, insert: `${conditions}\n\t` }];
  return [
    { at, insert: `{\n\t${conditions}\n\t` },
    { at: end, insert: "\n}" },
  ];
}

function textOf({ text }: Location): string {
  return Buffer.from(text, "base64").toString();
}

function offsetOf(source: string, location: Location): number {
  const before = source.split("\n").slice(0, location.row - 1);
  const offset = before.reduce((sum, line) => sum + line.length + 1, location.col - 1);
  const said = textOf(location);
  if (!source.startsWith(said, offset)) throw new Error(`line ${location.row} does not read ${said.slice(0, 80)}`);
  return offset;
}

function apply(source: string, edits: readonly Edit[]): string {
  let text = source;
  for (const { at, insert } of edits.toSorted((a, b) => b.at - a.at)) {
    text = text.slice(0, at) + insert + text.slice(at);
  }
  return text;
}
