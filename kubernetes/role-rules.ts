import type { KubernetesObject } from "./types.ts";

export interface RoleRef {
  kind: "Role" | "ClusterRole";
  name: string;
  /** Of a Role: the binding's own namespace; empty for a ClusterRole. */
  namespace: string;
}

export const RBAC_GROUP = "rbac.authorization.k8s.io";

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The rules that a Role or ClusterRole grants; empty for anything else. A ClusterRole with an aggregationRule has its rules filled in by the cluster. */
export function roleRules(object: KubernetesObject): KubernetesObject[] {
  return Array.isArray(object.rules) ? object.rules.filter(isObject) : [];
}

/** The role that a RoleBinding or ClusterRoleBinding grants, or undefined. Its rules have to be read: the host does. */
export function roleRefOf(object: KubernetesObject, namespace: string): RoleRef | undefined {
  const { roleRef } = object;
  if (!isObject(roleRef)) return undefined;
  const { kind, name } = roleRef;
  if ((kind !== "Role" && kind !== "ClusterRole") || typeof name !== "string" || name === "") return undefined;
  return { kind, name, namespace: kind === "Role" ? namespace : "" };
}

/** Where a role is read: path below the API server's root. */
export function rolePath(ref: RoleRef): string {
  const name = encodeURIComponent(ref.name);
  return ref.kind === "ClusterRole"
    ? `/apis/${RBAC_GROUP}/v1/clusterroles/${name}`
    : `/apis/${RBAC_GROUP}/v1/namespaces/${encodeURIComponent(ref.namespace)}/roles/${name}`;
}
