import { isDeepStrictEqual } from "node:util";
import { Refusal } from "../base/errors.ts";
import { isRawNumber } from "../base/lossless-json.ts";
import { pointerTokens } from "./json-pointer.ts";
import type { JsonPatchOperation } from "./patch.ts";
import type { KubernetesObject } from "./types.ts";

type Holder = Record<string, unknown> | unknown[];

function fails(operation: JsonPatchOperation, why: string): Refusal {
  const message = `the JSON patch does not apply: ${operation.op} ${operation.path}: ${why}`.slice(0, 500);
  return new Refusal("outcome-unknown", message, { causes: [{ rule: "request/outcome-unknown", message }] });
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null || isRawNumber(value)) return value;
  if (Array.isArray(value)) return value.map(copy);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copy(entry)]));
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

function add(root: { value: unknown }, operation: JsonPatchOperation, value: unknown): void {
  const [holder, token] = holderOf(root, operation, operation.path);
  if (!Array.isArray(holder)) {
    Object.defineProperty(holder, token, { value, writable: true, enumerable: true, configurable: true });
    return;
  }
  const index = token === "-" ? holder.length : indexOf(holder, token, holder.length + 1);
  if (index === undefined) throw fails(operation, "there is no such index");
  holder.splice(index, 0, value);
}

function remove(root: { value: unknown }, operation: JsonPatchOperation, pointer: string): void {
  read(root, operation, pointer);
  const [holder, token] = holderOf(root, operation, pointer);
  if (Array.isArray(holder)) holder.splice(indexOf(holder, token, holder.length) ?? holder.length, 1);
  else delete holder[token];
}

function replace(root: { value: unknown }, operation: JsonPatchOperation): void {
  read(root, operation, operation.path);
  const [holder, token] = holderOf(root, operation, operation.path);
  if (Array.isArray(holder)) holder[indexOf(holder, token, holder.length) ?? 0] = copy(operation.value);
  else holder[token] = copy(operation.value);
}

function apply(root: { value: unknown }, operation: JsonPatchOperation): void {
  const { op, path, from = "", value } = operation;
  if (op === "add") add(root, operation, copy(value));
  else if (op === "remove") remove(root, operation, path);
  else if (op === "replace") replace(root, operation);
  else if (op === "test") {
    if (!isDeepStrictEqual(read(root, operation, path), value)) throw fails(operation, "it is another value");
  } else {
    const moved = copy(read(root, operation, from));
    if (op === "move") remove(root, operation, from);
    add(root, operation, moved);
  }
}

/** RFC 6902 as the API server reads it. Changes neither argument. Throws Refusal `outcome-unknown` where it does not apply. */
export function applyJsonPatch(object: KubernetesObject, operations: JsonPatchOperation[]): KubernetesObject {
  const root = { value: copy(object) };
  for (const operation of operations) apply(root, operation);
  const { value } = root;
  if (!isHolder(value) || Array.isArray(value)) {
    const message = "the JSON patch leaves no object";
    throw new Refusal("outcome-unknown", message, { causes: [{ rule: "request/outcome-unknown", message }] });
  }
  return value;
}
