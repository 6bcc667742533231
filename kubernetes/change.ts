import { canonicalJson } from "../base/canonical-json.ts";
import { Refusal } from "../base/errors.ts";
import { isRawNumber } from "../base/lossless-json.ts";
import { withoutGenerated } from "./generated.ts";
import { entriesByKey } from "./merge-keys.ts";
import type { KubernetesObject } from "./types.ts";

export interface FieldChange {
  /** Dotted path; list entries by what identifies them: `spec.containers[name="web"].image`. */
  path: string;
  /** Absent where the field is new. */
  from?: unknown;
  /** Absent where the field goes away. */
  to?: unknown;
}

/** What an approver is shown, and what the HMAC `change` is made of (contracts §4). */
export interface Change {
  /** Of the object as it is stored; null for a create. */
  uid: string | null;
  changes: FieldChange[];
}

const DEPTH_LIMIT = 400;
const BOOKKEEPING = new Set(["managedFields", "resourceVersion", "generation"]);

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

function trim(object: KubernetesObject): KubernetesObject {
  const { status: _status, metadata, ...rest } = object;
  if (!isObject(metadata)) return { ...rest, ...(metadata === undefined ? {} : { metadata }) };
  const kept = Object.fromEntries(Object.entries(metadata).filter(([key]) => !BOOKKEEPING.has(key)));
  return { ...rest, metadata: kept };
}

const showKey = (key: string): string => (/^[A-Za-z_$][\w$-]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);

const ABSENT = Symbol("absent");

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isRawNumber(a) || isRawNumber(b)) return isRawNumber(a) && isRawNumber(b) && a.rawJSON === b.rawJSON;
  return false;
}

function byKey(map: Map<string, unknown> | undefined, key: string): unknown {
  return map?.has(key) ? map.get(key) : ABSENT;
}

function compareLists(
  from: unknown[],
  to: unknown[],
  path: string,
  name: string,
  depth: number,
  out: FieldChange[],
): void {
  const [before, after] = entriesByKey(name, [from, to]) ?? [];
  if (before === undefined || after === undefined) {
    for (let i = 0; i < Math.max(from.length, to.length); i++) {
      const [a, b] = [i < from.length ? from[i] : ABSENT, i < to.length ? to[i] : ABSENT];
      compare(a, b, `${path}[${i}]`, "", depth + 1, out);
    }
    return;
  }
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    compare(byKey(before, key), byKey(after, key), `${path}[${key}]`, "", depth + 1, out);
  }
  // The order of entries may mean something (init containers, env that refers to env).
  const orders = [
    [...before.keys()].filter((key) => after.has(key)),
    [...after.keys()].filter((key) => before.has(key)),
  ];
  if (orders[0]?.join("\n") !== orders[1]?.join("\n")) {
    out.push({ path: `${path}[order]`.replace(/^\./, ""), from: orders[0], to: orders[1] });
  }
}

function compare(from: unknown, to: unknown, path: string, name: string, depth: number, out: FieldChange[]): void {
  if (depth > DEPTH_LIMIT) throw new Refusal("outcome-unknown", "the object is nested too deeply to compare");
  if (isObject(from) && isObject(to)) {
    for (const key of [...new Set([...Object.keys(from), ...Object.keys(to)])].sort()) {
      const before = Object.hasOwn(from, key) ? from[key] : ABSENT;
      const after = Object.hasOwn(to, key) ? to[key] : ABSENT;
      compare(before, after, path + showKey(key), key, depth + 1, out);
    }
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    compareLists(from, to, path, name, depth, out);
    return;
  }
  if (same(from, to)) return;
  const change: FieldChange = { path: path.replace(/^\./, "") };
  if (from !== ABSENT) change.from = from;
  if (to !== ABSENT) change.to = to;
  out.push(change);
}

/**
 * What a write changes, from the object as it is stored to its outcome, in one order for the same change:
 * keys by code unit, list entries by their merge key. Less managedFields, resourceVersion, generation and
 * status, and for a create what the server makes up at each try (generated.ts).
 * `oldObject` null: a create; `outcome` null: a delete.
 */
export function describeChange(oldObject: KubernetesObject | null, outcome: KubernetesObject | null): Change {
  const create = oldObject === null && outcome !== null;
  const from = oldObject === null ? ABSENT : trim(oldObject);
  const to = outcome === null ? ABSENT : trim(create ? withoutGenerated(outcome) : outcome);
  const changes: FieldChange[] = [];
  // A create and a delete are told field by field at the top, so that a reader sees spec and metadata apart.
  compare(from === ABSENT && to !== ABSENT ? {} : from, to === ABSENT && from !== ABSENT ? {} : to, "", "", 0, changes);
  const metadata = isObject(oldObject?.metadata) ? oldObject.metadata : {};
  return { uid: typeof metadata.uid === "string" ? metadata.uid : null, changes };
}

/** Takes one object and gives it back masked; a Masker's maskAnswer on a copy. */
export type MaskObject = (object: KubernetesObject) => KubernetesObject;

const MARK = "(masked; it changes)";

/**
 * A change for people and files to read: both sides are masked first, and a field whose masked sides are
 * alike although the values differ says so. The digest is made of describeChange, never of this.
 */
export function renderChange(
  oldObject: KubernetesObject | null,
  outcome: KubernetesObject | null,
  mask: MaskObject | undefined,
): FieldChange[] {
  const real = describeChange(oldObject, outcome);
  if (mask === undefined) return real.changes.map(readable);
  const masked = describeChange(
    oldObject === null ? null : mask(structuredCopy(oldObject)),
    outcome === null ? null : mask(structuredCopy(outcome)),
  );
  const shown = new Map(masked.changes.map((change) => [change.path, change]));
  return real.changes.map(({ path }) => readable(shown.get(path) ?? { path, from: MARK, to: MARK }));
}

/** Integers beyond 2^53 as text: whoever reads this as JSON would round them, and see no change. */
function readable<T>(value: T): T {
  const read = (entry: unknown): unknown => {
    if (isRawNumber(entry)) return entry.rawJSON;
    if (Array.isArray(entry)) return entry.map(read);
    if (!isObject(entry)) return entry;
    return Object.fromEntries(Object.entries(entry).map(([key, inner]) => [key, read(inner)]));
  };
  return read(value) as T;
}

function structuredCopy(object: KubernetesObject): KubernetesObject {
  const copy = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copy);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copy(entry)]));
  };
  return copy(object) as KubernetesObject;
}

/** The text that the HMAC `change` is made of: canonical JSON, with integers beyond 2^53 as tagged text. */
export function changeText(change: Change): string {
  return canonicalJson(tagRawNumbers(change));
}

/** Raw numbers have no form that canonical JSON keeps apart from objects: they become `{"$int": "…"}`, and an object with such a key is wrapped. */
export function tagRawNumbers(value: unknown): unknown {
  if (isRawNumber(value)) return { $int: value.rawJSON };
  if (Array.isArray(value)) return value.map(tagRawNumbers);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, entry]) => [
    key.startsWith("$") ? `$${key}` : key,
    tagRawNumbers(entry),
  ]);
  return Object.fromEntries(entries);
}
