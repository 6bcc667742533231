import type { EventRow } from "../../audit/event.ts";
import type { Effect } from "../../base/config/guardrails.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import type { Decision } from "../../engine/decision.ts";
import type { KubernetesObject, PolicyInput } from "../../engine/input.ts";

/** The objects that policy was shown (proxy/record-input.ts); `masked`: what of them is not as it was judged. */
export interface RecordedFacts {
  masked: string[];
  object?: KubernetesObject | null;
  oldObject?: KubernetesObject | null;
  sent?: KubernetesObject;
  roleRules?: KubernetesObject[];
}

export interface RecordedFinding {
  rule: string;
  effect: Effect;
  /** The standing exception that lifted it. */
  exception?: string;
  /** No exception lifts it. Older records do not say so. */
  absolute?: true;
}

/** A decision on record, with what another policy needs to be asked the same. */
export interface RecordedDecision {
  decisionId: string;
  /** RFC 3339. */
  at: string;
  who: string;
  /** `create apps/deployments web in shop, through prod`. */
  what: string;
  namespace: string;
  effect: Decision["effect"];
  findings: RecordedFinding[];
  /** The question less its objects; undefined where it was not kept. */
  input: PolicyInput | undefined;
  facts: RecordedFacts | undefined;
}

type Columns = Pick<
  EventRow,
  "at" | "username" | "connection" | "verb" | "api_group" | "resource" | "subresource" | "namespace" | "name" | "path"
>;

/** A row of `events` as the store, the API and an export have it, with its facts beside it. */
export type RecordedRow = Columns & { kind: string; payload: string; facts?: string };

interface Payload {
  decisionId?: unknown;
  findings?: unknown;
  input?: PolicyInput;
  judgedAgain?: unknown;
  code?: unknown;
}

const KINDS: readonly string[] = ["request.outcome", "request.refused"];
/** What a model was asked, and what it would run. No question about them is on record. */
const DIALOGUES: readonly string[] = ["dialogue.prompt", "dialogue.tool_use"];

/**
 * The decision of a row; undefined where the row is of something else, or of what was refused before any decision. Those about
 * dialogues and tool calls only where they are asked for: nobody can be asked them again.
 */
export function recordedDecision(row: RecordedRow, { dialogues = false } = {}): RecordedDecision | undefined {
  const kinds = dialogues ? [...KINDS, ...DIALOGUES] : KINDS;
  if (!kinds.includes(row.kind) || typeof row.payload !== "string") return undefined;
  const payload = JSON.parse(row.payload) as Payload;
  const { decisionId, findings, input } = payload;
  // An attempt that a 409 sent back was decided again.
  if (typeof decisionId !== "string" || !Array.isArray(findings) || payload.judgedAgain === true) return undefined;
  if (input === undefined && row.kind === "request.refused" && !isVerdict(payload.code)) return undefined;
  const found = (findings as RecordedFinding[]).map(findingOf);
  return {
    decisionId,
    at: `${row.at.slice(0, 10)}T${row.at.slice(11, 23)}Z`,
    who: row.username,
    what: whatOf(row),
    namespace: row.namespace,
    effect: effectOf(found),
    findings: found,
    input,
    facts: row.facts === undefined || row.facts === "" ? undefined : (parseLossless(row.facts) as RecordedFacts),
  };
}

function findingOf({ rule, effect, exception, absolute }: RecordedFinding): RecordedFinding {
  return {
    rule,
    effect,
    ...(typeof exception === "string" ? { exception } : {}),
    ...(absolute === true ? { absolute } : {}),
  };
}

/** Whether it was policy that refused: anything else may have ended the request before it was decided. */
function isVerdict(code: unknown): boolean {
  return code === "policy-denied" || code === "policy-failed" || String(code).startsWith("approval-");
}

/** The effect that policy had: the column says what became of the request, and a hold may have been approved or not. */
function effectOf(findings: RecordedDecision["findings"]): Decision["effect"] {
  if (findings.some(({ effect }) => effect === "deny")) return "deny";
  return findings.some(({ effect }) => effect === "hold") ? "hold" : "allow";
}

function whatOf({ verb, api_group, resource, subresource, namespace, name, path, connection }: Columns): string {
  const group = api_group === "" ? "" : `${api_group}/`;
  const what = resource === "" ? path : `${group}${resource}${subresource === "" ? "" : `/${subresource}`}`;
  const which = name === "" || resource === "" ? "" : ` ${name}`;
  return `${verb} ${what}${which}${namespace === "" ? "" : ` in ${namespace}`}, through ${connection}`;
}
