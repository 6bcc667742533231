import { malformed } from "./body/json.ts";
import type { KubernetesObject } from "./types.ts";

/** What an object of RBAC grants. */
export interface Grants {
  /** The rules that stand in it, in their order. */
  rules: KubernetesObject[];
  /** Where what it grants beside them is read: paths below the API server's root, of a role or of a list of roles. */
  elsewhere: string[];
}

export const RBAC_GROUP = "rbac.authorization.k8s.io";

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What a role, a cluster role or a binding grants; nothing for anything else. It goes by the resource and not by what
 * the object holds: the API server drops a `roleRef` that a ClusterRole brings along, and grants its rules. Throws
 * Refusal `malformed-body` where an aggregationRule is none.
 */
export function grantsOf(
  object: KubernetesObject,
  { resource, namespace }: { resource: string; namespace: string },
): Grants {
  switch (resource) {
    case "roles":
      return { rules: rulesOf(object), elsewhere: [] };
    case "clusterroles":
      return { rules: rulesOf(object), elsewhere: aggregationSelectors(object).map(clusterRolesPath) };
    case "rolebindings":
    case "clusterrolebindings":
      return { rules: [], elsewhere: rolePaths(object.roleRef, namespace) };
    default:
      return { rules: [], elsewhere: [] };
  }
}

/** The rules that stand in a role. */
export function rulesOf({ rules }: KubernetesObject): KubernetesObject[] {
  return Array.isArray(rules) ? rules.filter(isObject) : [];
}

/** A ClusterRole is read where it is; a Role in the binding's own namespace. */
function rolePaths(roleRef: unknown, namespace: string): string[] {
  if (!isObject(roleRef)) return [];
  const { kind, name } = roleRef;
  if (typeof name !== "string" || name === "") return [];
  const segment = encodeURIComponent(name);
  if (kind === "ClusterRole") return [`${ROLES}/clusterroles/${segment}`];
  return kind === "Role" ? [`${ROLES}/namespaces/${encodeURIComponent(namespace)}/roles/${segment}`] : [];
}

const ROLES = `/apis/${RBAC_GROUP}/v1`;

function clusterRolesPath(selector: string): string {
  const query = selector === "" ? "" : `?${new URLSearchParams({ labelSelector: selector })}`;
  return `${ROLES}/clusterroles${query}`;
}

/** Of an aggregationRule; the cluster's own have one, and each is a list of its own to ask for. */
const SELECTOR_LIMIT = 20;
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const OPERATORS: Record<string, (key: string, values: string) => string> = {
  In: (key, values) => `${key} in (${values})`,
  NotIn: (key, values) => `${key} notin (${values})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
};

/**
 * The `labelSelector`s, as a list takes them, of the ClusterRoles whose rules a ClusterRole with an aggregationRule is
 * filled with; an empty one is all of them (clusterroleaggregation_controller.go of Kubernetes 1.36). One that is no
 * label selector is refused: the API server would refuse it too, and no text of it may come to mean more.
 */
function aggregationSelectors({ aggregationRule }: KubernetesObject): string[] {
  if (!isObject(aggregationRule) || !Array.isArray(aggregationRule.clusterRoleSelectors)) return [];
  const selectors: unknown[] = aggregationRule.clusterRoleSelectors;
  if (selectors.length > SELECTOR_LIMIT) throw malformed(`an aggregationRule has over ${SELECTOR_LIMIT} selectors`);
  return selectors.map(selectorText);
}

function selectorText(selector: unknown): string {
  if (!isObject(selector)) throw notASelector();
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const labels = isObject(matchLabels) ? Object.entries(matchLabels) : [];
  const expressions = Array.isArray(matchExpressions) ? matchExpressions : [];
  return [
    ...labels.map(([key, value]) => `${labelKey(key)}=${labelValues([value])}`),
    ...expressions.map((expression) => {
      const { key, operator, values } = isObject(expression) ? expression : {};
      const write =
        typeof operator === "string" && Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
      if (write === undefined) throw notASelector();
      return write(labelKey(key), labelValues(Array.isArray(values) ? values : []));
    }),
  ].join(",");
}

function labelKey(key: unknown): string {
  if (typeof key !== "string" || !LABEL_KEY.test(key)) throw notASelector();
  return key;
}

function labelValues(values: unknown[]): string {
  if (!values.every((value) => typeof value === "string" && LABEL_VALUE.test(value))) throw notASelector();
  return values.join(",");
}

function notASelector(): Error {
  return malformed("a clusterRoleSelector is no label selector");
}
