import { basename, dirname } from "node:path";
import { z } from "zod";
import { effectSchema, profileSchema, recordLevelSchema } from "../../base/config/guardrails.ts";
import { type ConfigIssue, didYouMean, dottedPath, keysAt } from "../../base/config/issues.ts";
import { matchIssues } from "./match-issues.ts";

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
  /** Tools that a model calls, by name; such a match has no other key, and is of no request to a cluster. */
  tools: names.optional(),
  /** Models that a dialogue asks, by name, with `*` for any text; such a match too has no other key, and is of no tool call. */
  models: names.optional(),
  /** What the rule needs of these requests beside its own `needs`: of a create, say, only the body tells the name. */
  needs: z.array(needSchema).min(1).optional(),
});

/** What guardrails may set for a rule (`rules[id].params`), by name. */
const parametersSchema = z.record(
  z.string().regex(/^[a-z][A-Za-z0-9]*$/, "must be a name in camelCase"),
  z.strictObject({
    description: z.string().min(1),
    type: z.enum(["array", "boolean", "integer", "number", "object", "string"]),
  }),
);

/** A rule's METADATA `custom` (contracts §1.2). A key that nobody reads would be a mistake that nobody sees. */
export const ruleCustomSchema = z.strictObject({
  severity: z.enum(["low", "medium", "high", "critical"]),
  ids: z.array(z.string()),
  effect: effectSchema,
  /** In place of `effect` once guardrails set params for the rule: what ordinary work would trip is off until then. */
  effectWithParams: effectSchema.optional(),
  /** The effect in profiles other than baseline. */
  profiles: z.partialRecord(profileSchema, effectSchema).optional(),
  parameters: parametersSchema.optional(),
  /** How much of the request is recorded where the rule finds something. */
  record: recordLevelSchema.optional(),
  privileged: z.boolean(),
  needs: z.array(needSchema).default([]),
  match: z.array(matchSchema).min(1).optional(),
  /** `reaching-node`: nothing is projected for the rule where no template has a power over its node. */
  podTemplates: z.union([z.boolean(), z.literal("reaching-node")]).default(false),
  remediation: z.string().min(1),
});

const CUSTOM_KEYS = z.toJSONSchema(ruleCustomSchema, { io: "input" }) as Parameters<typeof keysAt>[0];

/** A dialogue has no wait in it: its client would try again, and each of its requests would ask anew. */
export const NOT_HELD = "a dialogue is not held, but denied or let through; hold what its tools do";

/** Whether a rule is of dialogues and of nothing else. */
export function isOfDialogues({ match = [], podTemplates }: Pick<RuleMetadata, "match" | "podTemplates">): boolean {
  return podTemplates === false && match.length > 0 && match.every(({ models }) => models !== undefined);
}

/** What a rule is asked about. */
export function aboutOf({ match = [], podTemplates }: Pick<RuleMetadata, "match" | "podTemplates">): {
  requests: boolean;
  dialogues: boolean;
} {
  const ofDialogues = match.filter(({ tools, models }) => tools !== undefined || models !== undefined);
  return { requests: podTemplates !== false || ofDialogues.length < match.length, dialogues: ofDialogues.length > 0 };
}

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

/** A mistake in a rule; `path` is its file. */
export interface RuleIssue extends ConfigIssue {
  /** The line of the package, below its METADATA. */
  packageRow?: number;
  /** The key of METADATA that is at fault. */
  key?: PropertyKey;
}

/**
 * `data.rules` of a folder of rules: each rule's METADATA under its id, which is its folder. Whatever is
 * missing or wrong is an issue whose path is the file's.
 */
export function ruleMetadata(inspected: Inspected): { rules: Record<string, RuleMetadata>; issues: RuleIssue[] } {
  const rules: Record<string, RuleMetadata> = {};
  const issues: RuleIssue[] = [];
  for (const [namespace, all] of Object.entries(inspected.namespaces)) {
    if (!namespace.startsWith(RULES)) continue;
    const files = all.filter((name) => !isTest(name));
    for (const file of files) {
      const id = ruleId(file);
      if (packageOf(id) !== namespace) {
        const message = `package ${namespace.slice(5)} is not its folder's: ${packageOf(id).slice(5)}`;
        issues.push({ path: file, message });
      } else if (basename(file, ".rego") === basename(id)) {
        const read = metadataOf(file, inspected);
        issues.push(...read.issues);
        if (read.rule !== undefined) rules[id] = read.rule;
      }
    }
    const id = files[0] === undefined ? "" : ruleId(files[0]);
    if (files.length > 0 && !files.some((file) => basename(file) === `${basename(id)}.rego`)) {
      issues.push({ path: id, message: `has no ${basename(id)}.rego` });
    }
  }
  return { rules: Object.fromEntries(Object.entries(rules).sort(([a], [b]) => (a < b ? -1 : 1))), issues };
}

function metadataOf(file: string, inspected: Inspected): { rule?: RuleMetadata; issues: RuleIssue[] } {
  const found = inspected.annotations?.find(
    (entry) => entry.location.file === file && entry.annotations.scope === "package",
  );
  if (found === undefined) return { issues: [{ path: file, message: "has no METADATA comment above its package" }] };
  const { title = "", description = "", custom = {} } = found.annotations;
  const issues: RuleIssue[] = [];
  const problem = (message: string, key?: PropertyKey): void => {
    issues.push({ path: file, message, packageRow: found.location.row, ...(key === undefined ? {} : { key }) });
  };
  if (title === "") problem("METADATA has no title");
  if (description === "") problem("METADATA has no description");
  const parsed = ruleCustomSchema.safeParse(custom);
  if (parsed.success) {
    if (parsed.data.match === undefined && !parsed.data.podTemplates) {
      problem("METADATA custom has neither match nor podTemplates: true", "custom");
    }
    for (const issue of matchIssues(parsed.data.match ?? [])) {
      problem(`METADATA custom.${dottedPath(issue.path)}: ${issue.message}`, "match");
    }
    const { effect, effectWithParams, profiles = {} } = parsed.data;
    const said = { effect, effectWithParams, ...profiles };
    for (const [key, one] of isOfDialogues(parsed.data) ? Object.entries(said) : []) {
      if (one === "hold") problem(`METADATA custom, ${key}: ${NOT_HELD}`, key in profiles ? "profiles" : key);
    }
    return { rule: { title, description, ...parsed.data }, issues };
  }
  for (const issue of parsed.error.issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const path = dottedPath([...issue.path, key]);
        const valid = issue.path[0] === "profiles" ? profileSchema.options : keysAt(CUSTOM_KEYS, issue.path);
        problem(`METADATA custom.${path}: unknown key; ${didYouMean(key, valid)}`, key);
      }
    } else problem(`METADATA custom.${dottedPath(issue.path)}: ${words(issue)}`, issue.path.findLast(isName));
  }
  return { issues };
}

/** `workload/host-path/host-path.rego` is `workload/host-path`. */
function ruleId(file: string): string {
  return dirname(file);
}

function packageOf(id: string): string {
  return RULES + id.replaceAll("-", "_").replaceAll("/", ".");
}

function words(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  if (issue.code === "invalid_type" && issue.message.endsWith("received undefined")) return "is missing";
  // Of a record's key, its own words stand one level below.
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? issue.message;
  return issue.message;
}

function isName(part: PropertyKey): boolean {
  return typeof part === "string";
}
