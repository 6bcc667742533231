import { isBuiltInGroup } from "../base/built-in-groups.ts";
import type { Guardrails, GuardrailsMatch } from "../base/config/guardrails.ts";
import { globsSelect } from "../base/globs.ts";
import type { RuleMatch, RuleMetadata } from "./bundle/metadata.ts";
import type { Need } from "./decision.ts";
import type { PolicyInput, RequestInput } from "./input.ts";

/** The built-in resources whose objects hold a pod template, as group/resource. */
export const POD_TEMPLATE_RESOURCES: readonly string[] = [
  ...["/pods", "/podtemplates", "/replicationcontrollers"],
  ...["apps/deployments", "apps/daemonsets", "apps/statefulsets", "apps/replicasets", "apps/controllerrevisions"],
  ...["batch/jobs", "batch/cronjobs"],
  // Before Kubernetes 1.16.
  ...["extensions/deployments", "extensions/daemonsets", "extensions/replicasets"],
];

const WRITES = new Set(["create", "update", "patch"]);
/** Verbs and resources come from the request line, so that the memo must not grow with them. */
const MEMO_ENTRIES = 4096;

/**
 * Which facts the rules and scopes that may apply to a request need, from metadata alone. Rules are found by
 * their `match` (as in the generated dispatch) and remembered by verb, operation, group, resource and subresource.
 */
export function needsIndex(
  rules: Record<string, RuleMetadata>,
  guardrails: Guardrails,
  podTemplateResources: readonly string[] = POD_TEMPLATE_RESOURCES,
): (input: PolicyInput) => ReadonlySet<Need> {
  const active = Object.entries(rules).flatMap(([id, rule]) =>
    needsOfRule(rule).length > 0 && mayApply(id, rule, guardrails) ? [rule] : [],
  );
  const templates = new Set(podTemplateResources);
  const labelScopes = guardrails.scopes
    .map((scope) => scope.match)
    .filter((match) => size(match.namespaceLabels) + size(match.objectLabels) > 0);
  const memo = new Map<string, ReadonlySet<Need>>();

  const ofRules = (request: RequestInput): ReadonlySet<Need> => {
    const { verb, operation, resource, subResource, nonResource } = request;
    const key = `${verb}|${operation}|${resource.group}|${resource.resource}|${subResource}|${nonResource}`;
    const known = memo.get(key);
    if (known !== undefined) return known;
    const found = new Set<Need>();
    for (const rule of active) {
      const named = rule.match?.filter((match) => matches(match, request)) ?? [];
      if (named.length > 0 || (rule.podTemplates && mayHoldTemplate(request, templates)))
        for (const need of rule.needs) found.add(need);
      for (const { needs = [] } of named) for (const need of needs) found.add(need);
    }
    if (memo.size >= MEMO_ENTRIES) memo.clear();
    memo.set(key, found);
    return found;
  };

  return (input) => {
    const found = ofRules(input.request);
    if (labelScopes.length === 0) return found;
    const withScopes = new Set(found);
    for (const match of labelScopes) addLabelNeeds(match, input, withScopes);
    return withScopes;
  };
}

/** All that a rule may need, of whichever request. */
export function needsOfRule(rule: RuleMetadata): Need[] {
  return [...rule.needs, ...(rule.match ?? []).flatMap(({ needs = [] }) => needs)];
}

/** Whether anything in the guardrails gives this rule an effect; a rule that is off asks for nothing. */
function mayApply(id: string, rule: RuleMetadata, guardrails: Guardrails): boolean {
  const profiles = new Set([...guardrails.profiles, ...guardrails.scopes.flatMap((scope) => scope.profiles ?? [])]);
  const own = (rule.profiles ?? {}) as Record<string, unknown>;
  // approve-secrets alone stands on baseline (rego/sallyport/decision/settings.rego).
  const additive = (profile: string): boolean => profile.startsWith("pod-security/");
  const params = Object.keys(guardrails.rules[id]?.params ?? {});
  const baseline = params.length > 0 ? (rule.effectWithParams ?? rule.effect) : rule.effect;
  const byProfile = [...profiles].map((profile) => own[profile] ?? (additive(profile) ? "allow" : baseline));
  const set = [guardrails.rules[id], ...guardrails.scopes.map((scope) => scope.rules?.[id])];
  return [...byProfile, ...set.map((one) => one?.effect ?? "allow")].some((effect) => effect !== "allow");
}

/** Whether a match may name this request, by metadata alone; never false where the generated dispatch has it. */
export function matches(match: RuleMatch, request: RequestInput): boolean {
  if (match.tools !== undefined || match.models !== undefined) return false;
  // The path of a non-resource request isn't in the memo's key: any such rule may apply.
  if (request.nonResource !== (match.nonResourcePaths !== undefined)) return false;
  return (
    has(match.verbs, request.verb) &&
    has(match.operations, request.operation) &&
    has(match.groups, request.resource.group) &&
    has(match.resources, request.resource.resource) &&
    has(match.subresources, request.subResource)
  );
}

function has(values: string[] | undefined, value: string): boolean {
  return values === undefined || values.includes(value) || values.includes("*");
}

/** A resource of a group that isn't Kubernetes' own may hold a pod template: only its object tells. */
function mayHoldTemplate(request: RequestInput, templates: ReadonlySet<string>): boolean {
  if (request.nonResource || !WRITES.has(request.verb) || request.operation === "CONNECT") return false;
  const { group, resource } = request.resource;
  return templates.has(`${group}/${resource}`) || !isBuiltInGroup(group);
}

function addLabelNeeds(match: GuardrailsMatch, input: PolicyInput, needs: Set<Need>): void {
  const { request, user, connection } = input;
  const possible =
    globsSelect(match.users, [user.username]) &&
    globsSelect(match.groups, user.groups) &&
    globsSelect(match.connections, [connection.name]) &&
    // Across all namespaces a scope may still tighten.
    (request.namespace === "" || globsSelect(match.namespaces, [request.namespace]));
  if (!possible) return;
  if (size(match.namespaceLabels) > 0 && request.namespace !== "") needs.add("namespaceLabels");
  if (size(match.objectLabels) === 0 || request.nonResource) return;
  if (WRITES.has(request.verb) && request.operation !== "CONNECT") needs.add("object");
  if (request.verb !== "create" && request.name !== "" && request.operation !== "CONNECT") needs.add("oldObject");
}

function size(labels: Record<string, string> | undefined): number {
  return labels === undefined ? 0 : Object.keys(labels).length;
}
