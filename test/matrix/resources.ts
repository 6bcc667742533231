import type { KubernetesObject } from "../../engine/input.ts";
import { type DeleteCell, labelledAs, type Resource, type WriteCell, type Written } from "./cell.ts";

const NAMESPACE = "shop";

/** A resource of the namespace `shop`. */
export const namespaced = (apiVersion: string, kind: string, plural: string, namespace = NAMESPACE): Resource => ({
  apiVersion,
  kind,
  plural,
  namespace,
});
/** A resource of the cluster. */
export const cluster = (apiVersion: string, kind: string, plural: string): Resource => ({ apiVersion, kind, plural });
export const custom = (resource: Resource): Resource => ({ ...resource, custom: true });
export const within = (resource: Resource, namespace: string): Resource => ({ ...resource, namespace });

export const POD = namespaced("v1", "Pod", "pods");
export const SERVICE = namespaced("v1", "Service", "services");
export const CONFIG_MAP = namespaced("v1", "ConfigMap", "configmaps");
export const SECRET = namespaced("v1", "Secret", "secrets");
export const SERVICE_ACCOUNT = namespaced("v1", "ServiceAccount", "serviceaccounts");
export const NAMESPACES = cluster("v1", "Namespace", "namespaces");
export const NODE = cluster("v1", "Node", "nodes");
export const DEPLOYMENT = namespaced("apps/v1", "Deployment", "deployments");
export const STATEFUL_SET = namespaced("apps/v1", "StatefulSet", "statefulsets");
export const DAEMON_SET = namespaced("apps/v1", "DaemonSet", "daemonsets");
export const REPLICA_SET = namespaced("apps/v1", "ReplicaSet", "replicasets");
export const REPLICATION_CONTROLLER = namespaced("v1", "ReplicationController", "replicationcontrollers");
export const JOB = namespaced("batch/v1", "Job", "jobs");
export const CRON_JOB = namespaced("batch/v1", "CronJob", "cronjobs");
export const POD_TEMPLATE = namespaced("v1", "PodTemplate", "podtemplates");
export const INGRESS = namespaced("networking.k8s.io/v1", "Ingress", "ingresses");
export const CLUSTER_ROLE = cluster("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles");
export const CRD = cluster("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions");

/** An object of a resource. */
export function objectOf(of: Resource, fields: KubernetesObject = {}, name = "web"): KubernetesObject {
  const { metadata, ...rest } = fields;
  return {
    apiVersion: of.apiVersion,
    kind: of.kind,
    metadata: {
      name,
      ...(of.namespace === undefined ? {} : { namespace: of.namespace }),
      ...(metadata as KubernetesObject | undefined),
    },
    ...rest,
  };
}

/** The same object with something at a place: `spec.volumes[1]`, `metadata.annotations['a/b']`. */
export function withAt(object: KubernetesObject, path: string, value: unknown): KubernetesObject {
  const copy = structuredClone(object);
  const steps = [...path.matchAll(/\['([^']+)'\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, name]) =>
    index === undefined ? (quoted ?? name ?? "") : Number(index),
  );
  let at = copy as Record<string | number, unknown>;
  for (const [i, step] of steps.slice(0, -1).entries()) {
    at[step] ??= typeof steps[i + 1] === "number" ? [] : {};
    at = at[step] as Record<string | number, unknown>;
  }
  at[steps.at(-1) ?? ""] = value;
  return copy;
}

type More = Partial<Omit<WriteCell, "kind" | "what" | "bad" | "ok">>;

/** A field of an object: one value offends, and another does not. */
export function field(
  what: string,
  of: Resource,
  object: KubernetesObject,
  path: string,
  values: { bad: unknown; ok: unknown },
  more: More = {},
): WriteCell {
  const written = (value: unknown): Written => ({ of, object: withAt(object, path, value), old: object });
  return { kind: "write", what, bad: written(values.bad), ok: written(values.ok), kept: true, ...more };
}

const plain = (of: Resource): Written => {
  const object = objectOf(of, { data: { colour: "blue" } });
  return { of, object: labelledAs(object), old: labelledAs(object, "stored") };
};

/** A resource of which every write offends, beside the same write of a ConfigMap. */
export function writesOf(of: Resource, fields: KubernetesObject = {}, more: More & { name?: string } = {}): WriteCell {
  const { name, ...rest } = more;
  const object = objectOf(of, fields, name);
  const bad: Written = { of, object: labelledAs(object), old: labelledAs(object, "stored") };
  return { kind: "write", what: `a write of ${of.plural}`, bad, ok: plain(CONFIG_MAP), ...rest };
}

/** The deletion of a resource, beside that of a ConfigMap. */
export function deletionOf(
  of: Resource,
  more: Partial<DeleteCell> & { name?: string; fields?: KubernetesObject } = {},
): DeleteCell {
  const { name = "web", fields, ...rest } = more;
  return {
    kind: "delete",
    what: `a delete of ${of.plural}`,
    bad: { of, name, stored: objectOf(of, fields, name) },
    ok: { of: CONFIG_MAP, name, stored: objectOf(CONFIG_MAP, {}, name) },
    ...rest,
  };
}

/** The deletion of all objects of a resource. */
export function deletionOfAll(of: Resource, more: Partial<DeleteCell> = {}): DeleteCell {
  return {
    kind: "delete",
    what: `a delete of all ${of.plural}`,
    bad: { of, stored: { apiVersion: "v1", kind: "List", items: [objectOf(of)] } },
    ok: { of: CONFIG_MAP, name: "web", stored: objectOf(CONFIG_MAP) },
    ...more,
  };
}
