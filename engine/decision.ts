import type { Effect, ExceptionLimits, RecordLevel } from "../base/config/guardrails.ts";
import type { DialogueInput, PolicyInput } from "./input.ts";

/** What policy answers (contracts §1.3), entrypoint `sallyport/decision`. */
export interface Finding {
  /** `workload/host-path`. */
  rule: string;
  effect: Effect;
  message: string;
  severity: string;
  ids: string[];
  fields: string[];
  privileged: boolean;
  absolute: boolean;
  exception?: string;
}

export interface Requirement {
  rules: string[];
  /** `user:<username>` or `group:<group>`. */
  approvers: string[];
  required: number;
}

export interface ApprovalTerms {
  /** Each must be met. */
  requirements: Requirement[];
  holdSeconds: number;
  validForSeconds: number;
  maxUses: number;
  /** Requests of one session's burst are decided together. */
  batch?: boolean;
}

export interface Mask {
  /** The requested resource that it applies to; absent keys match any. */
  selector: { group?: string; resource?: string; namespace?: string; name?: string };
  /** `data.*`, `data['db-password']`, `spec.containers[*].env[*].value`. */
  fields: string[];
  /** Kinds of values to mask wherever they stand: `private-key`, `jwt`, `cloud-key`, `database-url`. */
  patterns?: string[];
  /** Text of the placeholder, base64-encoded by the masker where the field holds base64. */
  placeholder: string;
}

export interface Revision {
  /** From the bundle's `.manifest`. */
  bundle: string;
  /** First 16 hex of the SHA-256 of the guardrails in force. */
  guardrails: string;
}

export interface Decision {
  decisionId: string;
  revision: Revision;
  effect: "allow" | "hold" | "deny";
  findings: Finding[];
  approval: ApprovalTerms | null;
  mask: Mask[];
  record: RecordLevel;
}

export interface RuleWords {
  title: string;
  remediation: string;
}

/** Facts that a rule may ask for (`custom.needs`); `body` is implied by object. */
export type Need = "object" | "oldObject" | "outcome" | "namespaceLabels" | "roleRules";

/**
 * One immutable compiled policy with its guardrails. It never changes: a change makes a new one and swaps
 * the reference, so that a request is judged by one revision from its first stage to its last.
 */
export interface Policy {
  readonly revision: Revision;
  /** SHA-256 of the compiled policy, where there is one. */
  readonly digest?: string;
  /** What standing exceptions may be, by its guardrails. */
  readonly exceptionLimits?: ExceptionLimits;
  /**
   * What the rules and scopes that may apply to this request need before the verdict is final, by their
   * `match`, from metadata alone. Cheap: an index, not an evaluation. Includes namespaceLabels, object and
   * oldObject where a scope that could match reads labels.
   */
  needs(input: PolicyInput): ReadonlySet<Need>;
  /** What one rule needs before what it finds is final; nothing for a rule that this policy does not have. */
  needsOf(rule: string): readonly Need[];
  /** What one rule is asked about: requests to clusters, or a model's dialogues and tool calls; undefined as for `describe`. */
  about?(rule: string): { requests: boolean; dialogues: boolean } | undefined;
  /** What a rule's METADATA says to who decides; undefined for what this policy does not have. */
  describe(rule: string): RuleWords | undefined;
  /**
   * Evaluates `sallyport/decision`. Never throws: an undefined, failing or timed-out evaluation is a deny
   * with the finding `request/policy-failed`. Small inputs are evaluated inline and answered synchronously;
   * large ones in a worker with a deadline.
   */
  decide(input: PolicyInput | DialogueInput): Decision | Promise<Decision>;
}
