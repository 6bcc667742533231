import type { KubernetesObject } from "./types.ts";

/** meta.k8s.io Table: what kubectl asks for when it prints columns. */
export interface Table {
  columnDefinitions: { name: string; type: string; format?: string; priority?: number }[];
  rows: { cells: unknown[]; object?: KubernetesObject | null }[];
}

export function isTable(value: unknown): value is KubernetesObject & Table {
  if (typeof value !== "object" || value === null) return false;
  const { kind, apiVersion, rows } = value as KubernetesObject;
  return (
    kind === "Table" && typeof apiVersion === "string" && apiVersion.startsWith("meta.k8s.io/") && Array.isArray(rows)
  );
}

/** The objects in a table's rows; rows asked for with `includeObject=None` have none. */
export function rowObjects(table: Table): KubernetesObject[] {
  return table.rows.flatMap((row) => (row.object === null || row.object === undefined ? [] : [row.object]));
}

/** Whether the rows hold whole objects, as with `includeObject=Object`, and not their metadata alone. */
export function hasWholeObjects(table: Table): boolean {
  return table.rows.every((row) => row.object != null && row.object.kind !== "PartialObjectMetadata");
}
