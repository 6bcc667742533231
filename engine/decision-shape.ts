import type { Decision } from "./decision.ts";

/** A decision as `sallyport/decision` returns it: the host adds the id and the revision. */
export type Verdict = Omit<Decision, "decisionId" | "revision">;

const EFFECTS = new Set(["allow", "record", "mask", "hold", "deny"]);
const LEVELS = new Set(["None", "Metadata", "Request", "RequestResponse"]);

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;

/**
 * Checks by hand, since this runs for each request (about 1 µs; a schema library takes ten times that), that
 * policy returned a decision. Answers what is wrong with it, or undefined where nothing is: a bundle is
 * somebody's code, and what it returns odd must deny.
 */
export function oddity(value: unknown): string | undefined {
  if (!isObject(value)) return "the result is no object";
  const { effect, findings, approval, mask, record } = value;
  if (effect !== "allow" && effect !== "hold" && effect !== "deny") return "effect is none of allow, hold, deny";
  if (typeof record !== "string" || !LEVELS.has(record)) return "record is no level";
  if (!Array.isArray(findings)) return "findings is no list";
  for (const finding of findings) {
    const wrong = findingOddity(finding);
    if (wrong !== undefined) return wrong;
    if (finding.effect === "deny" && effect !== "deny") return `${finding.rule} denies, and the effect is ${effect}`;
    if (finding.effect === "hold" && effect === "allow") return `${finding.rule} holds, and the effect is allow`;
  }
  if (effect === "hold" || approval !== null) {
    const wrong = approvalOddity(approval);
    if (wrong !== undefined) return wrong;
  }
  if (!Array.isArray(mask) || !mask.every(isMask)) return "mask is no list of masks";
  return undefined;
}

function findingOddity(finding: unknown): string | undefined {
  if (!isObject(finding) || typeof finding.rule !== "string") return "a finding names no rule";
  const ok =
    typeof finding.effect === "string" &&
    EFFECTS.has(finding.effect) &&
    typeof finding.message === "string" &&
    typeof finding.severity === "string" &&
    isTexts(finding.ids) &&
    isTexts(finding.fields) &&
    typeof finding.privileged === "boolean" &&
    typeof finding.absolute === "boolean" &&
    (finding.exception === undefined || typeof finding.exception === "string");
  return ok ? undefined : `the finding of ${finding.rule} is malformed`;
}

function approvalOddity(approval: unknown): string | undefined {
  if (!isObject(approval)) return "a hold has no approval terms";
  const { requirements, holdSeconds, validForSeconds, maxUses, batch } = approval;
  if (!isCount(holdSeconds) || !isCount(validForSeconds) || !isCount(maxUses)) return "approval terms are malformed";
  if (batch !== undefined && typeof batch !== "boolean") return "approval terms are malformed";
  // A hold that asks nothing of nobody would approve itself.
  if (!Array.isArray(requirements) || requirements.length === 0) return "a hold has no requirement";
  const met = requirements.every(
    (one) =>
      isObject(one) && isTexts(one.rules) && isTexts(one.approvers) && isCount(one.required) && one.required !== 0,
  );
  return met ? undefined : "a requirement is malformed";
}

function isMask(mask: unknown): boolean {
  return (
    isObject(mask) &&
    isObject(mask.selector) &&
    isTexts(mask.fields) &&
    (mask.patterns === undefined || isTexts(mask.patterns)) &&
    typeof mask.placeholder === "string"
  );
}
