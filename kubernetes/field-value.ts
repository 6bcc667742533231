import type { KubernetesObject } from "./types.ts";

const STEP = /\.?([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]/g;

/** What stands at an exact dotted path with indexes (`spec.volumes[0].hostPath`, `data['a.b']`); undefined where nothing does. */
export function fieldValue(object: KubernetesObject, path: string): unknown {
  let value: unknown = object;
  for (const [, name, index, quoted] of path.matchAll(STEP)) {
    if (typeof value !== "object" || value === null) return undefined;
    const key = name ?? index ?? quoted?.replaceAll("\\'", "'") ?? "";
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
