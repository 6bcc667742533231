import type { Decision, Finding, Policy } from "../../engine/decision.ts";
import { type Explanation, explain } from "../../proxy/explain/explain.ts";
import type { Cell, Row, RowEffect } from "./cell.ts";
import { type Asked, type Pair, pairsOf } from "./paths.ts";

/** A cell by one of its paths. */
export interface Case extends Pair {
  row: Row;
  cell: Cell;
}

export interface Verdict {
  case: Case;
  /** What is wrong, in words; absent where both requests are answered as the table says. */
  wrong?: string;
}

const USER = { issuer: "corp", username: "corp:agent", groups: ["corp:devs"] };
const ROLE_RULES = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];

export function* casesOf(rows: readonly Row[]): Generator<Case> {
  for (const row of rows) {
    for (const cell of row.cells) {
      // Object.create: a copy would encode bodies that nobody may ask for.
      for (const pair of pairsOf(cell)) yield Object.assign(Object.create(pair) as Pair, { row, cell });
    }
  }
}

/** Asks as somebody of no importance, with the facts of the cell. */
export function explained(asked: Asked, cell: Cell, policy: Policy): Promise<Explanation> {
  const { namespaceLabels = {}, roleRules = ROLE_RULES } = cell;
  return explain({ ...asked, namespaceLabels, roleRules, user: USER }, policy);
}

/** Judges a case by a policy with the row's guardrails. */
export async function judge(one: Case, policy: Policy): Promise<Verdict> {
  const bad = wrongOfBad(one, (await explained(one.bad, one.cell, policy)).decision);
  if (bad !== undefined) return { case: one, wrong: `${request(one.bad)} should be found: ${bad}` };
  const ok = wrongOfOk(one, (await explained(one.ok, one.cell, policy)).decision);
  return { case: one, ...(ok === undefined ? {} : { wrong: `${request(one.ok)} should pass: ${ok}` }) };
}

const request = ({ method, path }: Asked): string => `${method} ${path}`;
const ruleOf = ({ row, cell }: Case): RegExp => cell.rule ?? row.rule;
const effectOf = ({ row, cell }: Case): RowEffect => cell.effect ?? row.effect;

/** Why the offending request is not answered as the table says. */
export function wrongOfBad(one: Case, decision: Decision): string | undefined {
  const said = told(decision);
  if (one.refused === true) {
    // What metadata alone denies is never read.
    const early = ({ rule }: Finding): boolean => rule === "request/malformed-body" || ruleOf(one).test(rule);
    const refused = decision.effect === "deny" && decision.findings.every(early);
    return refused ? undefined : `not refused before policy, but ${said}`;
  }
  const effect = effectOf(one);
  const found = decision.findings.some((finding) => finding.effect === effect && ruleOf(one).test(finding.rule));
  if (!found) return `no ${effect} of ${ruleOf(one).source}, but ${said}`;
  const outcome = effect === "deny" || effect === "hold" ? effect : "allow";
  if (decision.effect !== outcome) return `not ${outcome}, but ${said}`;
  if (effect === "mask" && decision.mask.length === 0) return `nothing masked, but ${said}`;
  if (effect === "record" && decision.record !== "RequestResponse") return `recorded at ${decision.record}`;
  return undefined;
}

/** Why the request without the offending part is not let through. */
export function wrongOfOk(one: Case, decision: Decision): string | undefined {
  const stopped = decision.findings.filter(
    ({ rule, effect }) =>
      ruleOf(one).test(rule) || ((effect === "deny" || effect === "hold") && one.cell.also?.test(rule) !== true),
  );
  return stopped.length === 0 ? undefined : told(decision);
}

export function told({ effect, findings }: Decision): string {
  const all = findings.map((finding) => `${finding.rule} ${finding.effect}: ${finding.message}`);
  return `${effect}${all.length === 0 ? "" : ` (${all.join("; ")})`}`;
}
