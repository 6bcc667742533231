import type { KubernetesObject } from "../../engine/input.ts";
import { entriesByKey } from "../../kubernetes/merge-keys.ts";

/** The operations of a JSON patch that makes one value of another. */
export function jsonPatch(from: unknown, to: unknown, pointer = ""): object[] {
  if (isObject(from) && isObject(to)) {
    const ops: object[] = [];
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const at = `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (!(key in to)) ops.push({ op: "remove", path: at });
      else if (!(key in from)) ops.push({ op: "add", path: at, value: to[key] });
      else ops.push(...jsonPatch(from[key], to[key], at));
    }
    return ops;
  }
  if (Array.isArray(from) && Array.isArray(to) && to.length >= from.length) {
    return [
      ...from.flatMap((entry, i) => jsonPatch(entry, to[i], `${pointer}/${i}`)),
      ...to.slice(from.length).map((value) => ({ op: "add", path: `${pointer}/-`, value })),
    ];
  }
  return same(from, to) ? [] : [{ op: "replace", path: pointer, value: to }];
}

/** RFC 7396. */
export function mergePatch(from: KubernetesObject, to: KubernetesObject): KubernetesObject {
  return fragment(from, to, (_key, _from, list) => list);
}

/**
 * A strategic merge patch: lists that have a merge key hold only the entries that change, and finalizers, which are
 * merged, go by a directive.
 */
export function strategicPatch(from: KubernetesObject, to: KubernetesObject): KubernetesObject {
  const patch = fragment(from, to, (key, before, list) => {
    const [old, now] = entriesByKey(key, [before, list]) ?? [];
    if (old === undefined || now === undefined) return list;
    return [...now].flatMap(([id, entry]) => {
      const was = old.get(id);
      if (!isObject(was) || !isObject(entry)) return [entry];
      return same(was, entry) ? [] : [{ ...identifying(entry), ...strategicPatch(was, entry) }];
    });
  });
  const [before, now] = [finalizersOf(from), finalizersOf(to)];
  const gone = before.filter((finalizer) => !now.includes(finalizer));
  if (gone.length === 0) return patch;
  const { finalizers: _, ...metadata } = patch.metadata as KubernetesObject;
  return { ...patch, metadata: { ...metadata, "$deleteFromPrimitiveList/finalizers": gone } };
}

function finalizersOf({ metadata }: KubernetesObject): unknown[] {
  const { finalizers } = (metadata ?? {}) as KubernetesObject;
  return Array.isArray(finalizers) ? finalizers : [];
}

type OfList = (key: string, from: unknown[], to: unknown[]) => unknown[];

function fragment(from: KubernetesObject, to: KubernetesObject, ofList: OfList): KubernetesObject {
  const patch: KubernetesObject = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [old, now] = [from[key], to[key]];
    if (now === undefined) patch[key] = null;
    else if (isObject(old) && isObject(now)) {
      const inner = fragment(old, now, ofList);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!same(old, now)) patch[key] = Array.isArray(old) && Array.isArray(now) ? ofList(key, old, now) : now;
  }
  return patch;
}

const IDENTIFYING = ["name", "mountPath", "containerPort", "port", "protocol", "ip", "type", "uid"];
function identifying(entry: KubernetesObject): KubernetesObject {
  return Object.fromEntries(IDENTIFYING.filter((key) => key in entry).map((key) => [key, entry[key]]));
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
