import { basename, dirname } from "node:path";
import { z } from "zod";
import { effectSchema } from "../../base/config/guardrails.ts";
import { type ConfigIssue, didYouMean, dottedPath } from "../../base/config/issues.ts";

/** Facts that a rule may ask for (contracts §1.2). */
export const needSchema = z.enum(["object", "oldObject", "outcome", "namespaceLabels", "roleRules"]);

const names = z.array(z.string()).min(1);
/** Which requests a rule looks at; keys ANDed, values ORed, `*` for any, an absent key for any. */
const matchSchema = z.strictObject({
  groups: names.optional(),
  resources: names.optional(),
  subresources: names.optional(),
  verbs: names.optional(),
  operations: names.optional(),
  /** Paths that are no resource (`/metrics`, `/debug/*`); a match without it is of resources only. */
  nonResourcePaths: names.optional(),
});

/** A rule's METADATA `custom` (contracts §1.2). Keys beside these are the rule library's own and are passed on. */
export const ruleCustomSchema = z.looseObject({
  severity: z.enum(["low", "medium", "high", "critical"]),
  ids: z.array(z.string()),
  effect: effectSchema,
  /** In place of `effect` once guardrails set params for the rule: what ordinary work would trip is off until then. */
  effectWithParams: effectSchema.optional(),
  privileged: z.boolean(),
  needs: z.array(needSchema).default([]),
  match: z.array(matchSchema).min(1).optional(),
  podTemplates: z.boolean().default(false),
  remediation: z.string().min(1),
});

export type RuleMatch = z.output<typeof matchSchema>;
/** An entry of `data.rules`. */
export type RuleMetadata = z.output<typeof ruleCustomSchema> & { title: string; description: string };

/** The part of `opa inspect --annotations --format json` that is read here. */
export interface Inspected {
  namespaces: Record<string, string[]>;
  annotations?: {
    annotations: { scope: string; title?: string; description?: string; custom?: unknown };
    location: { file: string; row: number };
    path: { value: string }[];
  }[];
}

const RULES = "data.sallyport.rules.";
const isTest = (file: string): boolean => file.endsWith("_test.rego");

/**
 * `data.rules` of a folder of rules: each rule's METADATA under its id, which is its folder. Whatever is
 * missing or wrong is an issue whose path is the file's.
 */
export function ruleMetadata(inspected: Inspected): { rules: Record<string, RuleMetadata>; issues: ConfigIssue[] } {
  const rules: Record<string, RuleMetadata> = {};
  const issues: ConfigIssue[] = [];
  for (const [namespace, files] of Object.entries(inspected.namespaces)) {
    if (!namespace.startsWith(RULES)) continue;
    for (const file of files.filter((name) => !isTest(name))) {
      const id = ruleId(file);
      const problem = (message: string): void => void issues.push({ path: file, message });
      if (packageOf(id) !== namespace) {
        problem(`package ${namespace.slice(5)} is not its folder's: ${packageOf(id).slice(5)}`);
        continue;
      }
      if (basename(file, ".rego") !== basename(dirname(file))) continue;
      const found = inspected.annotations?.find(
        (entry) => entry.location.file === file && entry.annotations.scope === "package",
      )?.annotations;
      if (found === undefined) {
        problem("has no METADATA comment above its package");
        continue;
      }
      for (const key of ["title", "description"] as const) {
        if (!found[key]) problem(`METADATA has no ${key}`);
      }
      const custom = ruleCustomSchema.safeParse(found.custom ?? {});
      if (!custom.success) {
        for (const issue of custom.error.issues) problem(`METADATA custom.${dottedPath(issue.path)}: ${words(issue)}`);
      } else if (custom.data.match === undefined && !custom.data.podTemplates) {
        problem("METADATA custom has neither match nor podTemplates: true");
      } else rules[id] = { title: found.title ?? "", description: found.description ?? "", ...custom.data };
    }
    const files2 = files.filter((name) => !isTest(name));
    const id = files2[0] === undefined ? "" : ruleId(files2[0]);
    if (files2.length > 0 && !files2.some((file) => basename(file) === `${basename(id)}.rego`)) {
      issues.push({ path: id, message: `has no ${basename(id)}.rego` });
    }
  }
  return { rules: Object.fromEntries(Object.entries(rules).sort(([a], [b]) => (a < b ? -1 : 1))), issues };
}

/** `workload/host-path/host-path.rego` is `workload/host-path`. */
function ruleId(file: string): string {
  return dirname(file);
}

function packageOf(id: string): string {
  return RULES + id.replaceAll("-", "_").replaceAll("/", ".");
}

function words(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `unknown key ${key}; ${didYouMean(key, Object.keys(matchSchema.shape))}`).join("; ");
  }
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  return issue.message;
}
