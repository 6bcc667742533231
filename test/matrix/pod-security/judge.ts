import type { Policy } from "../../../engine/decision.ts";
import { explained, told } from "../judge.ts";
import { type Pair, pairsOf } from "../paths.ts";
import { ABSENT, type FieldCell } from "./cells.ts";

/** What is wrong with the answers to a cell by one of its paths; undefined where both are as the standard says. */
export async function judgeField(one: FieldCell, pair: Pair, policy: Policy): Promise<string | undefined> {
  const { control, cell, level, found } = one;
  const at = `${level}: ${cell.what}, ${pair.path}`;
  const bad = (await explained(pair.bad, cell, policy)).decision;
  if (pair.refused === true) {
    const refused = bad.effect === "deny" && bad.findings.every(({ rule }) => rule === "request/malformed-body");
    if (!refused) return `${at}: is not refused, but ${told(bad)}`;
  } else {
    const finding = bad.findings.find(({ rule, fields }) => rule === control.rule && fields.includes(found));
    if (bad.effect !== "deny" || finding === undefined)
      return `${at}: no ${control.rule} at ${found}, but ${told(bad)}`;
    const others = bad.findings.filter(({ rule }) => rule !== control.rule);
    if (others.length > 0) return `${at}: more is found than was changed: ${told(bad)}`;
  }
  const ok = (await explained(pair.ok, cell, policy)).decision;
  return ok.effect === "allow" ? undefined : `${at}: the negative is ${told(ok)}`;
}

/** The paths of a cell: all of them, or one that is another from cell to cell. */
export function pathsOf({ cell }: FieldCell, index: number, all: boolean): Pair[] {
  // An apply leaves what is stored where it says nothing: it does not take a field away.
  const takesAway = cell.what.includes(` ${ABSENT} `);
  const pairs = pairsOf(cell).filter(({ path }) => !takesAway || !/^apply($| of what)/.test(path));
  return all ? pairs : pairs.slice(index % pairs.length, (index % pairs.length) + 1);
}
