import type { KubernetesObject } from "../../engine/input.ts";
import type { Decided } from "../exchange.ts";

type Asked = Pick<Decided, "attributes" | "input" | "facts" | "connection">;

/**
 * What a request reaches, in one sentence of the gateway's own, from what is stored and what would be: "deletes
 * Deployment shop/web and its 14 pods, on prod". Names in it are the agent's; values of the object are not in it.
 */
export function blastRadius(asked: Asked): string {
  return `${deed(asked)}, on ${asked.connection.name}`;
}

function deed(asked: Asked): string {
  const { attributes, facts } = asked;
  if (attributes.nonResource) return `asks for ${attributes.path}`;
  if (attributes.operation === "CONNECT") return connected(asked);
  const special = SUBRESOURCES[`${attributes.resource}/${attributes.subResource}`];
  if (special !== undefined && attributes.verb === "create") return special(asked);
  if (attributes.subResource === "scale") return scaled(asked);
  switch (attributes.verb) {
    case "delete":
      return deleted(asked);
    case "deletecollection":
      return `deletes ${collection(asked)}${counted(facts.oldObject)}`;
    case "create":
      return created(asked);
    case "update":
    case "patch":
      return facts.oldObject === null ? created(asked) : changed(asked);
    case "get":
      return `reads ${part(asked)}${object(asked)}`;
    case "list":
      return `reads ${collection(asked)}`;
    case "watch":
      return `watches ${attributes.name === "" ? collection(asked) : object(asked)}`;
    default:
      return `does ${attributes.verb} to ${attributes.name === "" ? collection(asked) : object(asked)}`;
  }
}

const SUBRESOURCES: Record<string, (asked: Asked) => string> = {
  "pods/eviction": (asked) => `evicts ${object(asked)}`,
  "pods/binding": (asked) => `binds ${object(asked)} to a node`,
  "serviceaccounts/token": (asked) => `makes a token that acts as ${object(asked)}`,
};

function connected(asked: Asked): string {
  const { attributes, input } = asked;
  const { exec, target } = input;
  const as = target?.serviceAccountName ? `, which acts as ServiceAccount ${target.serviceAccountName}` : "";
  const container = exec?.container ? `container ${exec.container} of ` : "";
  const open = exec?.stdin === true ? ", with its input open" : "";
  switch (attributes.subResource) {
    case "exec":
      return `runs a command in ${container}${object(asked)}${open}${as}`;
    case "attach":
      return `attaches to ${container}${object(asked)}${open}${as}`;
    case "portforward":
      return `opens connections to ports of ${object(asked)}${as}`;
    default:
      return `sends a request through ${object(asked)}`;
  }
}

function deleted(asked: Asked): string {
  const { facts, input, attributes } = asked;
  const { options, name } = input.request;
  const stored = facts.oldObject;
  const orphans = options.propagationPolicy === "Orphan" || options.orphanDependents === true;
  const consequence = DELETED[attributes.resource]?.(stored, name);
  const pods = podsOf(stored);
  const its = pods === 0 ? "" : orphans ? `, and leaves ${itsPods(pods)} behind` : ` and ${itsPods(pods)}`;
  return `deletes ${object(asked)}${consequence ?? its}`;
}

const DELETED: Record<string, (stored: KubernetesObject | null | undefined, name: string) => string> = {
  namespaces: () => " and everything in it",
  customresourcedefinitions: (_, name) => ` and every object of ${name} in the cluster`,
  nodes: () => ", and the pods on it",
  persistentvolumeclaims: () => ", and its data with it unless its volume is retained",
  persistentvolumes: (stored) =>
    text(stored, "spec", "persistentVolumeReclaimPolicy") === "Delete" ? " and its data" : "",
};

function created(asked: Asked): string {
  const { facts, input, attributes } = asked;
  const made = facts.outcome ?? input.object ?? undefined;
  return `creates ${object(asked)}${runs(attributes.resource, made)}${grants(made)}${intercepts(attributes.resource)}`;
}

function runs(resource: string, made: KubernetesObject | undefined): string {
  if (resource === "daemonsets") return ", which runs a pod on every node that it selects";
  if (resource === "cronjobs") return ", which runs pods by a schedule";
  const pods = podsOf(made);
  return pods === 0 ? "" : `, which runs ${pods === 1 ? "a pod" : `${pods} pods`}`;
}

function changed(asked: Asked): string {
  const { facts, attributes } = asked;
  const { oldObject: stored, outcome } = facts;
  const [from, to] = [number(stored, "spec", "replicas"), number(outcome, "spec", "replicas")];
  const replicas = from !== undefined && to !== undefined && from !== to ? ` from ${from} to ${to} replicas` : "";
  const pods = podsOf(stored);
  const replaced = pods > 0 && outcome !== undefined && !sameTemplate(stored, outcome);
  const part = attributes.subResource === "" ? "" : `${attributes.subResource} of `;
  return `changes ${part}${object(asked)}${replicas}${replaced ? ` and replaces ${itsPods(pods)}` : ""}${grants(outcome)}${intercepts(attributes.resource)}`;
}

function scaled(asked: Asked): string {
  const { oldObject: stored, outcome } = asked.facts;
  const [from, to] = [number(stored, "spec", "replicas"), number(outcome, "spec", "replicas") ?? 0];
  return `scales ${object(asked)}${from === undefined ? "" : ` from ${from}`} to ${to} replicas`;
}

/** "Deployment shop/web". */
function object({ attributes, input, facts }: Asked): string {
  const { request } = input;
  const kind =
    attributes.subResource === "" || facts.oldObject
      ? (text(facts.oldObject, "kind") ?? text(facts.outcome, "kind") ?? request.kind.kind)
      : "";
  const name = request.name === "" ? "(a name that the server makes)" : request.name;
  const at = attributes.resource === "namespaces" ? "" : attributes.namespace;
  return `${kind || KINDS[attributes.resource] || attributes.resource} ${at === "" ? name : `${at}/${name}`}`;
}

/** Where no object says its kind: nothing was read, since nothing stored changes. */
const KINDS: Record<string, string> = {
  pods: "Pod",
  services: "Service",
  nodes: "Node",
  secrets: "Secret",
  serviceaccounts: "ServiceAccount",
};

function part({ attributes }: Asked): string {
  return attributes.subResource === "" ? "" : `the ${attributes.subResource} of `;
}

function collection({ attributes }: Asked): string {
  const { resource, group, namespace, labelSelector, fieldSelector } = attributes;
  const where = namespace === "" ? "everywhere" : `in ${namespace}`;
  const by = [labelSelector, fieldSelector].filter((selector) => selector !== "").join(" and ");
  return `all ${group === "" ? resource : `${resource}.${group}`} ${where}${by === "" ? "" : ` that match ${by}`}`;
}

function counted(list: KubernetesObject | null | undefined): string {
  const items = list?.items;
  return Array.isArray(items) ? `: ${items.length} now` : "";
}

function grants(made: KubernetesObject | undefined): string {
  const kind = text(made, "kind");
  if (kind !== "ClusterRoleBinding" && kind !== "RoleBinding") return "";
  const role = [text(made, "roleRef", "kind"), text(made, "roleRef", "name")].join(" ");
  const subjects = Array.isArray(made?.subjects) ? made.subjects.length : 0;
  const where = kind === "RoleBinding" ? "in its namespace" : "in the whole cluster";
  return `, which gives ${role} to ${subjects === 1 ? "one subject" : `${subjects} subjects`} ${where}`;
}

function intercepts(resource: string): string {
  return /^(validating|mutating)webhookconfigurations$/.test(resource)
    ? ", which is asked about requests of the whole cluster"
    : "";
}

/** How many pods an object runs now, or would: 0 where it says nothing of pods. */
function podsOf(of: KubernetesObject | null | undefined): number {
  return (
    number(of, "status", "replicas") ??
    number(of, "spec", "replicas") ??
    number(of, "status", "currentNumberScheduled") ??
    number(of, "status", "active") ??
    0
  );
}

function itsPods(pods: number): string {
  return pods === 1 ? "its pod" : `its ${pods} pods`;
}

function sameTemplate(a: KubernetesObject | null | undefined, b: KubernetesObject): boolean {
  return JSON.stringify(at(a, "spec", "template")) === JSON.stringify(at(b, "spec", "template"));
}

function at(of: KubernetesObject | null | undefined, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as KubernetesObject)[key]
        : undefined,
    of,
  );
}

function text(of: KubernetesObject | null | undefined, ...path: string[]): string | undefined {
  const value = at(of, ...path);
  return typeof value === "string" ? value : undefined;
}

function number(of: KubernetesObject | null | undefined, ...path: string[]): number | undefined {
  const value = at(of, ...path);
  return typeof value === "number" ? value : undefined;
}
