import type { Effect, Guardrails } from "../base/config/guardrails.ts";
import { type ConfigIssue, didYouMean, dottedPath, nearest } from "../base/config/issues.ts";
import { isOfDialogues, NOT_HELD, type RuleMetadata } from "./bundle/metadata.ts";

type Parameter = NonNullable<RuleMetadata["parameters"]>[string];

/**
 * What guardrails say that means nothing to a bundle: rules that it does not have, parameters that a rule does not
 * take or takes as another type, and profiles that none of its rules names. Each would be ignored in silence, and
 * what was meant would not be in force.
 */
export function guardrailsIssues(guardrails: Guardrails, rules: Record<string, RuleMetadata>): ConfigIssue[] {
  const ids = Object.keys(rules);
  const issues: ConfigIssue[] = [];
  const unknown = (path: PropertyKey[], id: string): boolean => {
    if (Object.hasOwn(rules, id)) return false;
    const message = `there is no such rule in this policy; ${didYouMeanRule(id, ids)}`;
    issues.push({ path: dottedPath([...path, id]), message });
    return true;
  };
  const held = (path: PropertyKey[], id: string, effect: Effect | undefined): void => {
    const rule = Object.hasOwn(rules, id) ? rules[id] : undefined;
    if (effect !== "hold" || rule === undefined || !isOfDialogues(rule)) return;
    issues.push({ path: dottedPath([...path, id, "effect"]), message: NOT_HELD });
  };
  for (const [id, { effect, params }] of Object.entries(guardrails.rules)) {
    if (unknown(["rules"], id)) continue;
    held(["rules"], id, effect);
    const taken = rules[id]?.parameters ?? {};
    for (const [name, value] of Object.entries(params ?? {})) {
      const message = parameterMistake(name, value, taken);
      if (message !== undefined) issues.push({ path: dottedPath(["rules", id, "params", name]), message });
    }
  }
  issues.push(...profileIssues(guardrails.profiles, ["profiles"], rules));
  for (const [i, scope] of guardrails.scopes.entries()) {
    for (const [id, { effect }] of Object.entries(scope.rules ?? {})) {
      if (!unknown(["scopes", i, "rules"], id)) held(["scopes", i, "rules"], id, effect);
    }
    issues.push(...profileIssues(scope.profiles ?? [], ["scopes", i, "profiles"], rules));
  }
  return issues;
}

/** The rule that was probably meant; else those of the same category or of the same name, since all would be a page. */
export function didYouMeanRule(id: string, ids: readonly string[]): string {
  const [category, name] = id.split("/");
  const near = ids.filter((one) => one.startsWith(`${category}/`) || one.endsWith(`/${name}`));
  if (near.length > 0) return didYouMean(id, near);
  return nearest(id, ids) === undefined ? "docs/rules.md lists them" : didYouMean(id, ids);
}

function parameterMistake(name: string, value: unknown, taken: Record<string, Parameter>): string | undefined {
  const names = Object.keys(taken);
  if (names.length === 0) return "this rule takes no parameters";
  const parameter = Object.hasOwn(taken, name) ? taken[name] : undefined;
  if (parameter === undefined) return `this rule has no such parameter; ${didYouMean(name, names)}`;
  const { type } = parameter;
  const fits = type === "number" ? typeOf(value) === "integer" || typeOf(value) === "number" : typeOf(value) === type;
  return fits ? undefined : `must be of type ${type} and is ${typeOf(value)}: ${parameter.description}`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

/** The published standards are their own rules and no others: without any, naming one would allow everything. */
function profileIssues(
  profiles: readonly string[],
  path: PropertyKey[],
  rules: Record<string, RuleMetadata>,
): ConfigIssue[] {
  const named = new Set(Object.values(rules).flatMap((rule) => Object.keys(rule.profiles ?? {})));
  return profiles.flatMap((profile, i) =>
    profile.startsWith("pod-security/") && !named.has(profile)
      ? [
          {
            path: dottedPath([...path, i]),
            message: `no rule of this policy is of ${profile}, so it would allow everything`,
          },
        ]
      : [],
  );
}
