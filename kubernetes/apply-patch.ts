import { isRawNumber } from "../base/lossless-json.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { entriesByKey } from "./merge-keys.ts";
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
  return mergeByKeys(stored, patch.fragment, patch.type !== "merge");
}

/** RFC 7386, and with `lists` the merge of lists of a strategic merge patch (apimachinery strategicpatch/patch.go). */
function mergeByKeys(stored: KubernetesObject, fragment: KubernetesObject, lists: boolean): KubernetesObject {
  if (lists && fragment.$patch === "replace") return clean({}, fragment, lists);
  return clean(lists ? retained(stored, fragment.$retainKeys) : stored, fragment, lists);
}

function retained(stored: KubernetesObject, keys: unknown): KubernetesObject {
  if (!Array.isArray(keys)) return stored;
  return Object.fromEntries(Object.entries(stored).filter(([key]) => keys.includes(key)));
}

function clean(stored: KubernetesObject, fragment: KubernetesObject, lists: boolean): KubernetesObject {
  const result = new Map(Object.entries(stored));
  for (const [key, value] of Object.entries(fragment)) {
    if (lists && key.startsWith("$")) {
      directive(result, key, value);
      continue;
    }
    const before = result.get(key);
    if (value === null) result.delete(key);
    else if (isObject(value)) {
      if (lists && value.$patch === "delete") result.delete(key);
      else result.set(key, mergeByKeys(isObject(before) ? before : {}, value, lists));
    } else if (lists && Array.isArray(value)) {
      const order = fragment[SET_ORDER + key];
      result.set(key, ordered(key, mergeLists(key, Array.isArray(before) ? before : [], value), order));
    } else result.set(key, value);
  }
  return Object.fromEntries(result);
}

function directive(result: Map<string, unknown>, key: string, value: unknown): void {
  if (!key.startsWith(DELETE_VALUES) || !Array.isArray(value)) return;
  const name = key.slice(DELETE_VALUES.length);
  const list = result.get(name);
  if (Array.isArray(list)) {
    result.set(
      name,
      list.filter((entry) => !value.includes(entry)),
    );
  }
}

function mergeLists(name: string, stored: unknown[], patch: unknown[]): unknown[] {
  const entries = patch.filter((entry) => !(isObject(entry) && entry.$patch === "replace"));
  const plain = entries.map((entry) => (isObject(entry) ? mergeByKeys({}, entry, true) : entry));
  if (entries.length < patch.length || REPLACED.has(name)) return plain;
  if (MERGED_VALUES.has(name)) return [...new Set([...stored, ...patch])];
  const [before, after] = entriesByKey(name, [stored, entries]) ?? [];
  if (before === undefined || after === undefined) return plain;
  const merged = new Map(before);
  for (const [key, entry] of after) {
    const old = before.get(key);
    if (isObject(entry) && entry.$patch === "delete") merged.delete(key);
    else merged.set(key, isObject(entry) ? mergeByKeys(isObject(old) ? old : {}, entry, true) : entry);
  }
  return [...merged.values()];
}

/** `$setElementOrder/…`: entries stand in this order, those that it does not name after them. */
function ordered(name: string, list: unknown[], order: unknown): unknown[] {
  if (!Array.isArray(order)) return list;
  const maps = entriesByKey(name, [list, order]);
  const [present, wanted] = maps ?? [];
  if (present === undefined || wanted === undefined) return list;
  const named = [...wanted.keys()].filter((key) => present.has(key));
  const rest = [...present.keys()].filter((key) => !wanted.has(key));
  return [...named, ...rest].map((key) => present.get(key));
}
