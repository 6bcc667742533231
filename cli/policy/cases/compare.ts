import type { Decision, Finding } from "../../../engine/decision.ts";
import type { LocatedCase } from "./case-file.ts";

/** One thing that a case expects and that policy answers otherwise, as two texts to put side by side. */
export interface Mismatch {
  what: string;
  expected: string;
  got: string;
}

type ExpectedFinding = NonNullable<LocatedCase["expect"]["findings"]>[number];

const NONE = "–";

/**
 * What a decision lacks of what the case expects. `findings` is the whole list of those of the rules that it names,
 * and of the rule that the case's file is about: a finding too many is as wrong as one that is missing. Other rules
 * may find what they like, as long as the effect stays.
 */
export function mismatches(one: LocatedCase, decision: Decision): Mismatch[] {
  const { effect, findings, mask, record } = one.expect;
  const found: Mismatch[] = [];
  const compare = (what: string, expected: string, got: string): void => {
    if (expected !== got) found.push({ what, expected, got });
  };
  compare("effect", effect, decision.effect);
  if (findings !== undefined) found.push(...findingMismatches(findings, decision.findings, one.rule));
  if (record !== undefined) compare("record", record, decision.record);
  if (mask !== undefined) compare("mask", list(mask), list(decision.mask.flatMap(({ fields }) => fields)));
  return found;
}

function findingMismatches(expected: readonly ExpectedFinding[], got: readonly Finding[], rule: string): Mismatch[] {
  const about = new Set([rule, ...expected.map((one) => one.rule)]);
  const left = got.filter((one) => about.has(one.rule));
  const missing = expected.filter((wanted) => {
    const at = left.findIndex((one) => fits(wanted, one));
    if (at < 0) return true;
    left.splice(at, 1);
    return false;
  });
  // A finding of the same rule is what was found in its place.
  const pairs = missing.map((wanted): Mismatch => {
    const at = left.findIndex((one) => one.rule === wanted.rule);
    const instead = at < 0 ? undefined : left.splice(at, 1)[0];
    return { what: "finding", expected: shown(wanted), got: instead === undefined ? NONE : shown(instead, wanted) };
  });
  return [...pairs, ...left.map((one) => ({ what: "finding", expected: NONE, got: shown(one) }))];
}

function fits(wanted: ExpectedFinding, one: Finding): boolean {
  return (
    wanted.rule === one.rule &&
    (wanted.effect === undefined || wanted.effect === one.effect) &&
    (wanted.message === undefined || wanted.message === one.message) &&
    (wanted.exception === undefined || wanted.exception === one.exception) &&
    (wanted.fields === undefined || list(wanted.fields) === list(one.fields))
  );
}

/** A finding in the terms of what was expected of it: of one that nobody expected, the rule, fields and message. */
function shown(one: ExpectedFinding | Finding, as: ExpectedFinding = one): string {
  const parts: string[] = [one.rule];
  if (as.effect !== undefined) parts.push(`effect ${one.effect ?? NONE}`);
  if (as.fields !== undefined) parts.push(`fields ${list(one.fields ?? [])}`);
  if (as.exception !== undefined) parts.push(`exception ${one.exception ?? NONE}`);
  if (as.message !== undefined) parts.push(`message ${one.message ?? NONE}`);
  return parts.join("\n");
}

function list(values: readonly string[]): string {
  return values.length === 0 ? "none" : [...new Set(values)].sort().join(", ");
}
