import { canonicalJson } from "../../../base/canonical-json.ts";
import { rfc3339 } from "../../../base/clock.ts";
import { guardrailsSchema } from "../../../base/config/guardrails.ts";
import { parseYaml } from "../../../base/config/read.ts";
import { commandsOfTool, policyCommands } from "../../../dialogue/shell/tool-commands.ts";
import type { Bundle } from "../../../engine/bundle/bundle.ts";
import type { Policy } from "../../../engine/decision.ts";
import type { DialogueInput } from "../../../engine/input.ts";
import { createPolicy } from "../../../engine/policy.ts";
import { type Explanation, explain } from "../../../proxy/explain/explain.ts";
import { bodyOf, type LocatedCase } from "./case-file.ts";
import { type Mismatch, mismatches } from "./compare.ts";

export interface CaseResult {
  case: LocatedCase;
  /** What was expected and not found; none where the case holds. */
  mismatches: Mismatch[];
  explanation: CaseAnswer;
}

/** Whoever approves, where a case's guardrails name nobody: a hold that nobody could approve is a deny. */
const APPROVERS = { approvers: ["group:approvers"] };

/**
 * Runs cases against a bundle through the gateway's own classification and decoding. Throws a ConfigError where a
 * case's guardrails, or its body's file, are wrong.
 */
export async function runCases(cases: readonly LocatedCase[], bundle: Bundle): Promise<CaseResult[]> {
  const policies = new Map<string, Promise<Policy>>();
  const policyOf = (one: LocatedCase): Promise<Policy> => {
    const key = canonicalJson(one.given.guardrails ?? {});
    const known = policies.get(key) ?? policyFor(one, bundle);
    policies.set(key, known);
    return known;
  };
  const results: CaseResult[] = [];
  for (const one of cases) {
    const policy = await policyOf(one);
    const explanation = await explainCase(one, policy);
    results.push({ case: one, mismatches: mismatches(one, explanation.decision), explanation });
  }
  return results;
}

/** An explanation, or of a dialogue or a tool call the question about it, which has no request. */
export interface CaseAnswer extends Explanation {
  dialogue?: DialogueInput;
}

/** What policy answers to a case: to its request as the gateway would ask it, to its tool call or to its dialogue. */
export async function explainCase(one: LocatedCase, policy: Policy): Promise<CaseAnswer> {
  const request = { ...requestOf(one), body: await bodyOf(one) };
  if (one.tool === undefined && one.dialogue === undefined) return explain(request, policy);
  const { user, connection, exceptions, dialogue: given } = request;
  const dialogue: DialogueInput = {
    now: rfc3339(0),
    session: { id: "case", startedAt: rfc3339(0), agent: "", reason: "", owner: { issuer: "", username: "" } },
    user: { issuer: "", username: "", uid: "", groups: [], roles: [], extra: {}, ...user },
    connection: { name: connection?.name ?? "", kind: "anthropic", labels: connection?.labels ?? {} },
    exceptions: exceptions ?? [],
    dialogue: { promptId: "case", toolUseId: "", model: "", ...given, ...one.dialogue },
    ...(one.tool === undefined ? {} : { tool: toolOf(one.tool) }),
  };
  return { input: undefined, dialogue, decision: await policy.decide(dialogue) };
}

function toolOf({ name, arguments: args }: NonNullable<LocatedCase["tool"]>): NonNullable<DialogueInput["tool"]> {
  return { name, arguments: args, commands: policyCommands(commandsOfTool(name, args)) };
}

export function policyFor(one: LocatedCase, bundle: Bundle): Promise<Policy> {
  const given = one.given.guardrails ?? {};
  const defaults = (given.defaults ?? {}) as Record<string, unknown>;
  const whole = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Guardrails",
    ...given,
    defaults: { ...defaults, approval: { ...APPROVERS, ...(defaults.approval as object | undefined) } },
  };
  const guardrailsFile = `${one.file}:${one.line}: given.guardrails`;
  // JSON is YAML: its mistakes are told as those of guardrails.yaml are.
  const guardrails = parseYaml(guardrailsFile, JSON.stringify(whole), guardrailsSchema);
  return createPolicy({ bundle, guardrails, guardrailsFile });
}

export function requestOf(one: LocatedCase): Parameters<typeof explain>[0] {
  const { method, path, headers, contentType, protocol, body } = one.request;
  const { user, oldObject, namespaceLabels, roleRules, connection, exceptions, dialogue, target } = one.given;
  const written = body !== undefined && typeof body !== "string";
  return {
    method,
    path,
    headers,
    contentType: contentType ?? (written ? "application/json" : undefined),
    protocol,
    user: user ?? {},
    oldObject,
    namespaceLabels,
    roleRules,
    connection,
    exceptions,
    ...(dialogue === undefined ? {} : { dialogue: { promptId: "given", toolUseId: "", model: "", ...dialogue } }),
    ...(target === undefined ? {} : { target: { uid: "", labels: {}, serviceAccountName: "", ...target } }),
  };
}
