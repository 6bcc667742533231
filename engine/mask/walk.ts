import { Refusal } from "../../base/errors.ts";
import { isRawNumber } from "../../base/lossless-json.ts";
import { showKey } from "./field-path.ts";
import { isObject, type JsonObject } from "./shape.ts";

export const DEPTH_LIMIT = 1000;
export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Fields that say which object this is. A password that equals the namespace's name must not hide the namespace. */
export const IDENTITY: ReadonlySet<string> = new Set(["apiVersion", "kind", "type"]);
const IDENTITY_METADATA = new Set([
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "deletionTimestamp",
  "managedFields",
  "continue",
]);
/** Owners are named, and what names them equals a value by chance only; what looks like a key is none of theirs. */
const OWNERS = "ownerReferences";

/** Whether a key of an object's metadata says which object this is, or whose. */
export function isIdentityMetadata(key: string): boolean {
  return IDENTITY_METADATA.has(key) || key === OWNERS;
}

/** What takes a string's place, or the same string. `name`: its key, or what the object that holds it is named. */
type Replace = (text: string, path: () => string, name: string) => string;

/**
 * Visits each string of an object that does not say which object it is; `apart` is a key that is left out, and
 * `owners` says whether the strings that name its owners are visited too.
 */
export function walkStrings(
  object: JsonObject,
  { apart, owners }: { apart?: string | undefined; owners: boolean },
  replace: Replace,
): void {
  for (const [key, value] of Object.entries(object)) {
    if (IDENTITY.has(key) || key === apart) continue;
    if (key !== "metadata" || !isObject(value)) {
      visit(object, key, value, [key], replace);
      continue;
    }
    for (const [name, entry] of Object.entries(value)) {
      if (!IDENTITY_METADATA.has(name) && (owners || name !== OWNERS)) visit(value, name, entry, [key, name], replace);
    }
  }
}

function visit(holder: object, key: string, value: unknown, path: string[], replace: Replace): void {
  if (path.length > DEPTH_LIMIT) throw tooDeep();
  if (typeof value === "string") {
    const put = replace(value, () => showPath(path), nameOf(holder as JsonObject, key));
    if (put !== value) define(holder as JsonObject, key, put);
    return;
  }
  if (value === null || typeof value !== "object" || isRawNumber(value)) return;
  for (const [name, child] of Object.entries(value)) {
    path.push(name);
    visit(value, name, child, path, replace);
    path.pop();
  }
}

/** An env holds its name beside its value. */
function nameOf(holder: JsonObject, key: string): string {
  return key === "value" && typeof holder.name === "string" ? holder.name : key;
}

export function tooDeep(): Refusal {
  return new Refusal("unmaskable", `the answer is nested deeper than ${DEPTH_LIMIT} levels and cannot be masked`);
}

/** Sets an own property, `__proto__` included. */
export function define(holder: JsonObject, key: string, value: unknown): void {
  if (key !== "__proto__") holder[key] = value;
  else Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function showPath(path: string[]): string {
  return path.map((key, i) => (/^\d+$/.test(key) ? `[${key}]` : i === 0 ? key : showKey(key))).join("");
}
