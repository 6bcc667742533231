import { z } from "zod";

/** `guardrails.yaml` (contracts §2): which rules apply to whom, with what effect. */
export const effectSchema = z.enum(["allow", "record", "mask", "hold", "deny"]);
export const recordLevelSchema = z.enum(["None", "Metadata", "Request", "RequestResponse"]);
export const profileSchema = z.enum([
  "observe",
  "baseline",
  "strict",
  "read-only",
  "approve-secrets",
  "pod-security/baseline",
  "pod-security/restricted",
]);

const principal = z
  .string()
  .regex(/^(user|group):.+$/, 'must be "user:<username>" or "group:<group>", with the issuer\'s prefix');

const approvalSchema = z.strictObject({
  approvers: z.array(principal).min(1).optional(),
  required: z.int().min(1).max(10).optional(),
  // Claude Code gives a command 120 s, and 600 s at most (design §3).
  holdSeconds: z.int().min(0).max(540).optional(),
  validForSeconds: z.int().min(1).max(86_400).optional(),
  maxUses: z.int().min(1).max(1000).optional(),
  /** Requests of one session's burst (`apply -f dir/`) are decided together. */
  batch: z.boolean().optional(),
});

const ruleSettingSchema = z.strictObject({
  effect: effectSchema.optional(),
  params: z.record(z.string(), z.json()).optional(),
  absolute: z.boolean().optional(),
  record: recordLevelSchema.optional(),
  approval: approvalSchema.optional(),
});

const ruleId = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'must be a rule id, "<category>/<rule>"');
const rulesSchema = z.record(ruleId, ruleSettingSchema);
const labelsSchema = z.record(z.string(), z.string());

export const matchSchema = z.strictObject({
  users: z.array(z.string()).optional(),
  groups: z.array(z.string()).optional(),
  connections: z.array(z.string()).optional(),
  namespaces: z.array(z.string()).optional(),
  namespaceLabels: labelsSchema.optional(),
  objectLabels: labelsSchema.optional(),
});

const profilesSchema = z.array(profileSchema).min(1);

// Rules read their parameters from `rules` alone: a scope's own would be ignored in silence.
const scopedRulesSchema = z.record(ruleId, ruleSettingSchema.omit({ params: true }));

const STEP = String.raw`[A-Za-z_$][\w$-]*|\*`;
const BRACKETS = String.raw`\['(?:[^'\\]|\\.)*'\]|\[(?:\d{1,9}|\*)\]`;
/** What engine/mask/field-path.ts parses: a mask that it did not understand would refuse every answer. */
const FIELD_PATH = new RegExp(`^(?:${STEP}|${BRACKETS})(?:\\.(?:${STEP})|${BRACKETS})*$`);

const exceptionLimitsSchema = z.strictObject({
  maxLifeDays: z.int().min(1).max(3650).default(90),
  /** Which of these one exception may leave open, or write as a bare star; never all three. */
  wildcards: z.array(z.enum(["subjects", "namespaces", "resources"])).default(["subjects", "namespaces", "resources"]),
});

/** What guardrails that say nothing of exceptions allow. */
export const DEFAULT_EXCEPTION_LIMITS = exceptionLimitsSchema.parse({});

export const guardrailsSchema = z.strictObject({
  apiVersion: z.literal("sallyport.dev/v1alpha1"),
  kind: z.literal("Guardrails"),
  profiles: profilesSchema.default(["baseline"]),
  defaults: z.strictObject({ record: recordLevelSchema.optional(), approval: approvalSchema.optional() }).default({}),
  rules: rulesSchema.default({}),
  scopes: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        match: matchSchema.default({}),
        profiles: profilesSchema.optional(),
        rules: scopedRulesSchema.optional(),
        record: recordLevelSchema.optional(),
        approval: approvalSchema.optional(),
      }),
    )
    .default([]),
  /** What standing exceptions may be (contracts §4), beside the effects that they lift. */
  exceptions: exceptionLimitsSchema.prefault({}),
  masks: z
    .array(
      z
        .strictObject({
          group: z.string(),
          resource: z.string(),
          fields: z
            .array(
              z
                .string()
                .regex(
                  FIELD_PATH,
                  "is no field path, such as data.*, data['db-password'] or spec.containers[*].env[*].value",
                ),
            )
            .default([]),
          patterns: z.array(z.enum(["private-key", "jwt", "cloud-key", "database-url"])).default([]),
        })
        .refine(({ fields, patterns }) => fields.length + patterns.length > 0, {
          error: "names neither fields nor patterns, so it would mask nothing",
        }),
    )
    .default([]),
});

export type Effect = z.output<typeof effectSchema>;
export type RecordLevel = z.output<typeof recordLevelSchema>;
export type ExceptionLimits = z.output<typeof guardrailsSchema>["exceptions"];
export type Guardrails = z.output<typeof guardrailsSchema>;
export type GuardrailsMatch = z.output<typeof matchSchema>;
