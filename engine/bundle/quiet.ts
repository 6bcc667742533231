import type { Guardrails } from "../../base/config/guardrails.ts";
import type { RuleMetadata } from "./metadata.ts";

/**
 * The group of rules that are off in baseline, and on under the same conditions: a whole standard, or what only
 * `strict` asks. Undefined for a rule that is on in baseline. The generated dispatch asks once for a group whether
 * it is idle under the guardrails in force, and not for each of its rules.
 */
export function quietGroup(rule: RuleMetadata): string | undefined {
  if (rule.effect !== "allow") return undefined;
  const profiles = Object.entries((rule.profiles ?? {}) as Record<string, string>)
    .filter(([, effect]) => effect !== "allow")
    .map(([profile]) => profile);
  return [...profiles.sort(), ...(rule.effectWithParams === undefined ? [] : ["params"])].join(" ");
}

/**
 * The groups of which no rule can say anything under these guardrails, for `data.idle`: no profile in force gives one
 * an effect, and nobody set one by hand (a rule that a person set to `allow` is shown). Data, since guardrails change
 * with no compile.
 */
export function idleGroups(rules: Record<string, RuleMetadata>, guardrails: Guardrails): Record<string, true> {
  const idle = new Map<string, boolean>();
  for (const [id, rule] of Object.entries(rules)) {
    const group = quietGroup(rule);
    if (group !== undefined) idle.set(group, (idle.get(group) ?? true) && isIdle(id, rule, guardrails));
  }
  return Object.fromEntries([...idle].flatMap(([group, yes]) => (yes ? [[group, true as const]] : [])));
}

/** Profiles whose effect is read from METADATA as it stands; any other could mean anything. */
const KNOWN = new Set(["baseline", "strict", "read-only", "pod-security/baseline", "pod-security/restricted"]);

function isIdle(id: string, rule: RuleMetadata, guardrails: Guardrails): boolean {
  const own = (rule.profiles ?? {}) as Record<string, string>;
  const set = [guardrails.rules[id], ...guardrails.scopes.map((scope) => scope.rules?.[id])];
  if (set.some((one) => one?.effect !== undefined)) return false;
  if (Object.keys(guardrails.rules[id]?.params ?? {}).length > 0) return false;
  const sets = [guardrails.profiles, ...guardrails.scopes.flatMap(({ profiles }) => (profiles ? [profiles] : []))];
  // Baseline, where it stands for an empty list and beside approve-secrets, is allow: else the rule were not quiet.
  return sets.flat().every((profile) => {
    if (profile === "observe") return true;
    if (profile === "approve-secrets") return own[profile] === undefined;
    return KNOWN.has(profile) && (own[profile] ?? "allow") === "allow";
  });
}
