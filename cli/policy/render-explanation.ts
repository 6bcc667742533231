import type { Finding } from "../../engine/decision.ts";
import type { EffectStep } from "../../engine/why-effect.ts";
import type { ExplainRequest, Explanation } from "../../proxy/explain/explain.ts";
import { valuesOf } from "../../proxy/explain/values.ts";
import { printable } from "../style.ts";
import type { Candidate } from "./candidate.ts";

/** What `--output json` prints of one request. */
export interface ExplainedFinding extends Finding {
  title: string;
  /** What stands at its fields. */
  values: Record<string, string>;
  /** The layers of the guardrails that gave it its effect, the last one last. */
  because: EffectStep[];
  remediation: string;
}

export function explainedFindings(
  { decision, input }: Explanation,
  { bundle }: Pick<Candidate, "bundle">,
  why: ReadonlyMap<string, EffectStep[]>,
): ExplainedFinding[] {
  const values = input === undefined ? new Map<string, string>() : valuesOf(decision.findings, input);
  return decision.findings.map((finding) => {
    const rule = Object.hasOwn(bundle.rules, finding.rule) ? bundle.rules[finding.rule] : undefined;
    return {
      ...finding,
      title: rule?.title ?? "",
      values: Object.fromEntries(finding.fields.flatMap((f) => (values.has(f) ? [[f, values.get(f) ?? ""]] : []))),
      because: why.get(finding.rule) ?? [],
      remediation: rule?.remediation ?? "",
    };
  });
}

/** One request's explanation for a person: the verdict, and for each finding what, where, why and what now. */
export function renderExplanation(
  request: Pick<ExplainRequest, "method" | "path">,
  { decision, input }: Explanation,
  findings: readonly ExplainedFinding[],
  { name, lifted }: { name: string; lifted: Lifted | undefined },
): string {
  const head = [
    `${decision.effect.toUpperCase()}  ${printable(`${request.method} ${request.path}`)}`,
    `  policy   ${name}`,
    ...(input === undefined ? [] : [`  read as  ${printable(operation(input))}`]),
  ];
  const nothing = findings.length === 0 ? ["", "  no rule found anything"] : [];
  const masks = decision.mask.flatMap(({ fields, patterns = [] }) => [...fields, ...patterns]);
  const tail = [
    `  recorded ${decision.record}`,
    ...(masks.length === 0 ? [] : [`  masked   ${printable([...new Set(masks)].join(", "))}`]),
    ...approval(decision),
    ...(lifted === undefined ? [] : [exceptions(lifted)]),
  ];
  return [...head, ...nothing, ...findings.flatMap(renderFinding), "", ...tail].join("\n");
}

/** The effect that the request has with an exception for these rules. */
export interface Lifted {
  rules: string[];
  effect: string;
}

function exceptions({ rules, effect }: Lifted): string {
  const names = rules.join(", ");
  if (effect === "allow") return `  a standing exception for ${names} lets it pass`;
  return `  with an exception for ${names} it is still ${effect}`;
}

function operation({ request, user }: NonNullable<Explanation["input"]>): string {
  const { verb, resource, subResource, namespace, name } = request;
  const what = request.nonResource
    ? request.path
    : `${resource.group === "" ? "" : `${resource.group}/`}${resource.resource}${subResource === "" ? "" : `/${subResource}`}`;
  const where = namespace === "" ? "" : ` in ${namespace}`;
  const who = user.username === "" ? "nobody in particular" : user.username;
  return `${verb} ${what}${name === "" ? "" : ` ${name}`}${where}, by ${who}${user.groups.length === 0 ? "" : ` (${user.groups.join(", ")})`}`;
}

function renderFinding(finding: ExplainedFinding): string[] {
  const { rule, effect, severity, ids, message, fields, values, because, remediation } = finding;
  const lifted = finding.exception === undefined ? "" : `, lifted by exception ${finding.exception}`;
  const last = because.at(-1);
  const lines = [
    "",
    `  ${effect.padEnd(6)} ${rule}${finding.title === "" ? "" : `: ${finding.title}`}  [${[severity, ...ids].join(", ")}]${lifted}`,
    `         ${message}`,
    ...fields.map((field) => `         at ${field}${field in values ? ` = ${values[field]}` : ""}`),
  ];
  if (last !== undefined) {
    const before = because.slice(0, -1).map((step) => `${step.layer}: ${step.effect}`);
    lines.push(
      `         why ${last.effect}: ${last.layer}${before.length === 0 ? "" : ` (before: ${before.join("; ")})`}`,
    );
  }
  if (effect === "deny" || effect === "hold") {
    if (remediation !== "") lines.push(`         to pass: ${remediation}`);
    if (finding.absolute) lines.push("         absolute: no exception and no approval lifts it");
  }
  return lines.map(printable);
}

function approval({ approval: terms, effect }: Explanation["decision"]): string[] {
  if (effect !== "hold" || terms === null) return [];
  return terms.requirements.map(
    ({ rules, approvers, required }) =>
      `  approval ${required} of ${printable(approvers.join(", "))} for ${rules.join(", ")}; held for ${terms.holdSeconds} s`,
  );
}
