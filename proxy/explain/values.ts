import { randomBytes } from "node:crypto";
import type { Finding } from "../../engine/decision.ts";
import type { KubernetesObject, PolicyInput } from "../../engine/input.ts";
import { createMasker } from "../../engine/mask/masker.ts";
import { PATTERNS } from "../../engine/mask/patterns.ts";
import { fieldValue } from "../../kubernetes/field-value.ts";

const PLACEHOLDER = "(not shown)";
/** Longer values are cut: a person wants to see which one it is. */
const LONGEST = 200;
/** What no explanation shows, whatever the guardrails mask. */
const SECRET_FIELDS = ["data.*", "stringData.*"];

/** What stands at the fields that a finding names, for a person to read: never a Secret's values, nor a key's. */
export function valuesOf(findings: readonly Finding[], input: PolicyInput): Map<string, string> {
  const shown = new Map<string, string>();
  const { object, oldObject } = input;
  const sides = [masked(object, input), masked(oldObject, input)];
  for (const field of new Set(findings.flatMap((finding) => finding.fields))) {
    const value = sides.map((side) => (side === undefined ? undefined : fieldValue(side, field))).find(isThere);
    if (value !== undefined) shown.set(field, cut(JSON.stringify(value)));
  }
  return shown;
}

const isThere = (value: unknown): boolean => value !== undefined;

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function masked(object: KubernetesObject | null | undefined, { request }: PolicyInput): KubernetesObject | undefined {
  if (object == null) return undefined;
  const { group, resource } = request.resource;
  const isSecret = group === "" && resource === "secrets";
  const { namespace, name } = request;
  const masks = [
    { selector: {}, fields: [], patterns: [...PATTERNS], placeholder: PLACEHOLDER },
    ...(isSecret ? [{ selector: {}, fields: SECRET_FIELDS, placeholder: PLACEHOLDER }] : []),
  ];
  const masker = createMasker(masks, { group, resource, namespace, name }, { hmacKey: randomBytes(32) });
  if (masker === undefined) return object;
  return JSON.parse(masker.maskText(JSON.stringify(object)).value) as KubernetesObject;
}
