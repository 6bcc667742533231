import type { KubernetesObject } from "../../engine/input.ts";

/** What policy-coverage.md does with a row: D, H, M, R. */
export type RowEffect = "deny" | "hold" | "mask" | "record";

/** A row of policy-coverage.md, with the cells of its operations and fields. */
export interface Row {
  name: string;
  effect: RowEffect;
  /** Of the rules that the row is about. */
  rule: RegExp;
  /** In place of `profiles: [baseline]`, where the table says so. */
  guardrails?: Record<string, unknown>;
  cells: Cell[];
}

/** A resource as requests name it. */
export interface Resource {
  /** `apps/v1`, `v1`. */
  apiVersion: string;
  kind: string;
  plural: string;
  /** Absent for objects of the cluster. */
  namespace?: string;
  /** Of no built-in group: it has no protobuf and no strategic merge. */
  custom?: true;
}

interface Common {
  what: string;
  /** Other than the row's. */
  effect?: RowEffect;
  rule?: RegExp;
  /** Rules that hold or deny the negative too, since they are about another part of it. */
  also?: RegExp;
  namespaceLabels?: Record<string, string>;
  roleRules?: KubernetesObject[];
}

/** An object that is written, and the same object with only the offending part changed. */
export interface WriteCell extends Common {
  kind: "write";
  bad: Written;
  ok: Written;
  /** Only these; both where absent. */
  only?: "create" | "update";
  /** What stood there before is not found again. */
  kept?: true;
  /** A write of status leaves the offending part as it is. */
  statusIgnored?: true;
  /** It takes something away: an apply does so only of what its own manager set. */
  takesAway?: true;
}

export interface Written {
  of: Resource;
  subresource?: string;
  object: KubernetesObject;
  /** What is stored before an update. */
  old: KubernetesObject;
}

/** A delete of one object, or of a collection. */
export interface DeleteCell extends Common {
  kind: "delete";
  bad: Deleted;
  ok: Deleted;
  /** Only where the body or the query says so. */
  options?: { bad: Record<string, unknown>; ok: Record<string, unknown> };
}

export interface Deleted {
  of: Resource;
  /** Absent for a collection. */
  name?: string;
  stored?: KubernetesObject;
}

/** A request that connects the caller to something. */
export interface ConnectCell extends Common {
  kind: "connect";
  /** Path and query. */
  path: string;
  ok: string;
  /** `stream` asks as kubectl does, over WebSocket and SPDY; `proxy` with every method. */
  by: "stream" | "proxy";
}

/** A read: by name, or a list with its watches. */
export interface ReadCell extends Common {
  kind: "read";
  of: Resource;
  ok: Resource;
  /** Absent for a list. */
  name?: string;
}

/** One request as it stands. */
export interface RawCell extends Common {
  kind: "raw";
  bad: Raw;
  ok: Raw;
}

export interface Raw {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: KubernetesObject;
  old?: KubernetesObject | null;
}

export type Cell = WriteCell | DeleteCell | ConnectCell | ReadCell | RawCell;

/** Path of a resource's collection, or of one of its objects. */
export function urlOf(of: Resource, name?: string, subresource?: string): string {
  const prefix = of.apiVersion.includes("/") ? `/apis/${of.apiVersion}` : `/api/${of.apiVersion}`;
  const scope = of.namespace === undefined ? "" : `/namespaces/${of.namespace}`;
  const rest = [name, subresource].filter((part) => part !== undefined).map((part) => `/${part}`);
  return `${prefix}${scope}/${of.plural}${rest.join("")}`;
}

/** The same object with a label that means nothing. */
export function labelledAs(object: KubernetesObject, value = "changed"): KubernetesObject {
  const metadata = (object.metadata ?? {}) as { labels?: object };
  return { ...object, metadata: { ...metadata, labels: { ...metadata.labels, note: value } } };
}
