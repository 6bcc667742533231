import { isRawNumber } from "../base/lossless-json.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { entriesByKey } from "./merge-keys.ts";
import { applyOrder, strategicOrder } from "./merge-order.ts";
import type { Patch } from "./patch.ts";
import type { KubernetesObject } from "./types.ts";

/** Lists that merge-keys.ts can compare entry by entry, and that every patch replaces (k8s.io/api: no patchStrategy). */
const REPLACED = new Set(["versions", "volumeClaimTemplates"]);
/** Lists of plain values that merge (k8s.io/api: patchStrategy merge). */
const MERGED_VALUES = new Set(["finalizers"]);
const DELETE_VALUES = "$deleteFromPrimitiveList/";
const SET_ORDER = "$setElementOrder/";

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/**
 * What a patch makes of the stored object, where there is no API server to ask: no defaulting, no admission, and of
 * a server-side apply only what it sets, since what it takes away depends on who manages which field. Changes
 * neither argument. Throws Refusal `outcome-unknown` where a JSON patch does not apply.
 */
export function applyPatch(stored: KubernetesObject, patch: Patch): KubernetesObject {
  if (patch.type === "json") return applyJsonPatch(stored, patch.operations);
  return mergeByKeys(stored, patch.fragment, patch.type);
}

/** RFC 7386; of other types lists are merged too, and those of a strategic merge patch have directives. */
type MergeType = "merge" | "strategic" | "apply";

function mergeByKeys(stored: KubernetesObject, fragment: KubernetesObject, type: MergeType): KubernetesObject {
  if (type !== "strategic") return mergeFields(stored, fragment, type);
  if (fragment.$patch === "replace") return mergeFields({}, fragment, type);
  return mergeFields(retained(stored, fragment.$retainKeys), fragment, type);
}

function retained(stored: KubernetesObject, keys: unknown): KubernetesObject {
  if (!Array.isArray(keys)) return stored;
  const kept = new Set<unknown>(keys);
  return Object.fromEntries(Object.entries(stored).filter(([key]) => kept.has(key)));
}

function mergeFields(stored: KubernetesObject, fragment: KubernetesObject, type: MergeType): KubernetesObject {
  const result = new Map(Object.entries(stored));
  for (const [key, value] of Object.entries(fragment)) {
    if (type === "strategic" && key.startsWith("$")) {
      directive(result, key, value, fragment);
      continue;
    }
    const before = result.get(key);
    if (value === null) result.delete(key);
    else if (isObject(value)) {
      if (type === "strategic" && value.$patch === "delete") result.delete(key);
      else result.set(key, mergeByKeys(isObject(before) ? before : {}, value, type));
    } else if (type !== "merge" && Array.isArray(value)) {
      const list = Array.isArray(before) ? before : [];
      result.set(key, mergeLists(key, list, value, type, fragment[SET_ORDER + key]));
    } else result.set(key, value);
  }
  return Object.fromEntries(result);
}

/** Directives on a list that the patch may leave as it is but for them (apimachinery strategicpatch/patch.go). */
function directive(result: Map<string, unknown>, key: string, value: unknown, fragment: KubernetesObject): void {
  if (!Array.isArray(value)) return;
  const deletes = key.startsWith(DELETE_VALUES);
  const name = key.slice(deletes ? DELETE_VALUES.length : SET_ORDER.length);
  const list = result.get(name);
  if (!Array.isArray(list)) return;
  if (deletes) {
    const gone = new Set<unknown>(value);
    const left = list.filter((entry) => !gone.has(entry));
    result.set(name, left);
  } else if (key.startsWith(SET_ORDER) && !Object.hasOwn(fragment, name)) {
    result.set(name, mergeLists(name, list, [], "strategic", value));
  }
}

type ListType = Exclude<MergeType, "merge">;

/** `order`: the entries of `$setElementOrder/…`, where the patch has it. */
function mergeLists(name: string, stored: unknown[], patch: unknown[], type: ListType, order: unknown): unknown[] {
  const entries = patch.filter((entry) => !(isObject(entry) && entry.$patch === "replace"));
  const plain = entries.map((entry) => (isObject(entry) ? mergeByKeys({}, entry, type) : entry));
  if (entries.length < patch.length || REPLACED.has(name)) return plain;
  const wanted = Array.isArray(order) ? order : undefined;
  const maps = MERGED_VALUES.has(name)
    ? [stored, entries, wanted ?? entries].map(valuesOf)
    : entriesByKey(name, [stored, entries, wanted ?? entries]);
  const [before, after, named] = maps ?? [];
  if (before === undefined || after === undefined || named === undefined) return plain;
  const merged = new Map(before);
  for (const [key, entry] of after) {
    const old = before.get(key);
    if (isObject(entry) && entry.$patch === "delete") merged.delete(key);
    else merged.set(key, isObject(entry) ? mergeByKeys(isObject(old) ? old : {}, entry, type) : entry);
  }
  const there = [...before.keys()].filter((key) => merged.has(key));
  const asked = [...named.keys()].filter((key) => merged.has(key));
  // What an order leaves out of what the patch brings has no place in it: the API server refuses such a patch.
  const rest = [...merged.keys()].filter((key) => !before.has(key) && !named.has(key));
  const keys = type === "apply" ? applyOrder(there, asked) : strategicOrder(there, asked);
  return [...keys, ...rest].map((key) => merged.get(key));
}

function valuesOf(list: unknown[]): Map<string, unknown> {
  return new Map(list.map((value) => [JSON.stringify(value), value]));
}
