import { isDeepStrictEqual } from "node:util";
import { Refusal } from "../base/errors.ts";
import { isRawNumber } from "../base/lossless-json.ts";
import { pointerTokens } from "./json-pointer.ts";
import type { JsonPatchOperation } from "./patch.ts";
import type { KubernetesObject } from "./types.ts";

type Holder = Record<string, unknown> | unknown[];

/** What a patch may move about: each value that it copies counts, and each entry of a list that it inserts into. */
interface Work {
  left: number;
}

/**
 * A patch that copies an object into itself doubles it with each operation: thirty of them are a thousand million
 * values. The API server has the like for bytes (evanphx/json-patch AccumulatedCopySizeLimit).
 */
const MOST_WORK = 1_000_000;

function fails(operation: JsonPatchOperation, why: string): Refusal {
  const message = `the JSON patch does not apply: ${operation.op} ${operation.path}: ${why}`.slice(0, 500);
  return new Refusal("outcome-unknown", message, { causes: [{ rule: "request/outcome-unknown", message }] });
}

function spend(work: Work, operation: JsonPatchOperation, amount: number): void {
  work.left -= amount;
  if (work.left < 0) throw fails(operation, "the patch copies and moves too much");
}

/** Tells `each` of every value before it is copied. */
function copy(value: unknown, each: () => void): unknown {
  each();
  if (typeof value !== "object" || value === null || isRawNumber(value)) return value;
  if (Array.isArray(value)) return value.map((entry) => copy(entry, each));
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copy(entry, each)]));
}

function isHolder(value: unknown): value is Holder {
  return typeof value === "object" && value !== null && !isRawNumber(value);
}

/** An index of a list; the API server counts negative ones from its end (evanphx/json-patch SupportNegativeIndices). */
function indexOf(list: unknown[], token: string, length: number): number | undefined {
  if (!/^-?\d{1,9}$/.test(token)) return undefined;
  const index = Number(token) < 0 ? Number(token) + length : Number(token);
  return index >= 0 && index < length && index <= list.length ? index : undefined;
}

function childOf(holder: unknown, token: string): { value: unknown } | undefined {
  if (!isHolder(holder)) return undefined;
  if (Array.isArray(holder)) {
    const index = indexOf(holder, token, holder.length);
    return index === undefined ? undefined : { value: holder[index] };
  }
  return Object.hasOwn(holder, token) ? { value: holder[token] } : undefined;
}

/** Where a pointer's last token stands. */
function holderOf(root: { value: unknown }, operation: JsonPatchOperation, pointer: string): [Holder, string] {
  const tokens = ["value", ...pointerTokens(pointer)];
  let holder: unknown = root;
  for (const token of tokens.slice(0, -1)) holder = childOf(holder, token)?.value;
  if (!isHolder(holder)) throw fails(operation, "nothing is there");
  return [holder, tokens.at(-1) ?? ""];
}

function read(root: { value: unknown }, operation: JsonPatchOperation, pointer: string): unknown {
  const [holder, token] = holderOf(root, operation, pointer);
  const found = childOf(holder, token);
  if (found === undefined) throw fails(operation, "nothing is there");
  return found.value;
}

function add(root: { value: unknown }, operation: JsonPatchOperation, value: unknown, work: Work): void {
  const [holder, token] = holderOf(root, operation, operation.path);
  if (!Array.isArray(holder)) {
    Object.defineProperty(holder, token, { value, writable: true, enumerable: true, configurable: true });
    return;
  }
  const index = token === "-" ? holder.length : indexOf(holder, token, holder.length + 1);
  if (index === undefined) throw fails(operation, "there is no such index");
  spend(work, operation, holder.length - index);
  holder.splice(index, 0, value);
}

function remove(root: { value: unknown }, operation: JsonPatchOperation, pointer: string, work: Work): void {
  read(root, operation, pointer);
  const [holder, token] = holderOf(root, operation, pointer);
  if (Array.isArray(holder)) {
    const index = indexOf(holder, token, holder.length) ?? holder.length;
    spend(work, operation, holder.length - index);
    holder.splice(index, 1);
  } else delete holder[token];
}

function replace(root: { value: unknown }, operation: JsonPatchOperation, value: unknown): void {
  read(root, operation, operation.path);
  const [holder, token] = holderOf(root, operation, operation.path);
  if (Array.isArray(holder)) holder[indexOf(holder, token, holder.length) ?? 0] = value;
  else holder[token] = value;
}

function apply(root: { value: unknown }, operation: JsonPatchOperation, work: Work): void {
  const { op, path, from = "", value } = operation;
  const copied = (one: unknown): unknown => copy(one, () => spend(work, operation, 1));
  if (op === "add") add(root, operation, copied(value), work);
  else if (op === "remove") remove(root, operation, path, work);
  else if (op === "replace") replace(root, operation, copied(value));
  else if (op === "test") {
    if (!isDeepStrictEqual(read(root, operation, path), value)) throw fails(operation, "it is another value");
  } else {
    const moved = copied(read(root, operation, from));
    if (op === "move") remove(root, operation, from, work);
    add(root, operation, moved, work);
  }
}

/** RFC 6902 as the API server reads it. Changes neither argument. Throws Refusal `outcome-unknown` where it does not apply. */
export function applyJsonPatch(object: KubernetesObject, operations: JsonPatchOperation[]): KubernetesObject {
  const root = { value: copy(object, () => undefined) };
  const work: Work = { left: MOST_WORK };
  for (const operation of operations) apply(root, operation, work);
  const { value } = root;
  if (!isHolder(value) || Array.isArray(value)) {
    const message = "the JSON patch leaves no object";
    throw new Refusal("outcome-unknown", message, { causes: [{ rule: "request/outcome-unknown", message }] });
  }
  return value;
}
