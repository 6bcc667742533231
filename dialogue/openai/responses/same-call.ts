import { isObject } from "../../json/strict-json.ts";
import { BrokenReply } from "../../sse/broken-reply.ts";
import { type JsonObject, textOf } from "../fields.ts";
import type { HeldItem } from "./held-item.ts";

/** Members that providers write otherwise in the whole response than in its events, and by which nothing is run. */
const FREE = new Set(["status", "id"]);

/** Whether two items are one call to a client, whatever of them it runs by. */
export function isSameCall(one: JsonObject, other: JsonObject): boolean {
  return sameMembers(one, other, FREE);
}

function sameMembers(one: JsonObject, other: JsonObject, free?: ReadonlySet<string>): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => free?.has(key) || same(one[key] ?? null, other[key] ?? null));
}

function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((value, i) => same(value, other[i]));
  }
  return isObject(one) && isObject(other) && sameMembers(one, other);
}

/** Whether a value that came first may have become the other one as more of it came. */
export function isBeginning(first: unknown, whole: unknown): boolean {
  if (first === undefined || first === null || first === whole) return true;
  if (typeof first === "string") return typeof whole === "string" && whole.startsWith(first);
  if (Array.isArray(first)) return Array.isArray(whole) && first.every((value, i) => isBeginning(value, whole[i]));
  if (!(isObject(first) && isObject(whole))) return false;
  return Object.keys(first).every((key) => isBeginning(first[key], whole[key]));
}

export function anotherCall(): BrokenReply {
  return new BrokenReply("a tool call is another one in the whole response");
}

/** Finds the calls that came as events in the whole response. */
export class HeldCalls {
  readonly #byId = new Map<string, HeldItem>();
  readonly #byCall = new Map<string, HeldItem>();
  readonly #unnamed = new Map<string, HeldItem[]>();

  constructor(held: readonly HeldItem[]) {
    for (const one of held) {
      const { id = one.id, call } = idsOf(one.item);
      if (id) this.#byId.set(id, one);
      if (call) this.#byCall.set(call, one);
      if (id || call) continue;
      const key = withoutIds(one.item);
      const alike = this.#unnamed.get(key);
      if (alike === undefined) this.#unnamed.set(key, [one]);
      else alike.push(one);
    }
  }

  /**
   * The call that an item of the whole response is to a client: it has the id of the call, or of its item. Where neither
   * has one, one that is the same, each but once. Throws BrokenReply where it is of two.
   */
  take(item: JsonObject): HeldItem | undefined {
    const { id, call } = idsOf(item);
    if (!(id || call)) return this.#unnamed.get(withoutIds(item))?.shift();
    const byId = id === undefined ? undefined : this.#byId.get(id);
    // What answers a call has the id of the call as well.
    const byCall = call === undefined || isAnswer(item) ? undefined : this.#byCall.get(call);
    if (byId !== undefined && byCall !== undefined && byId !== byCall) throw anotherCall();
    return byId ?? byCall;
  }
}

function idsOf(item: JsonObject): { id: string | undefined; call: string | undefined } {
  return { id: textOf(item, "id") || undefined, call: textOf(item, "call_id") || undefined };
}

function withoutIds({ id: _id, call_id: _call, status: _status, ...item }: JsonObject): string {
  return JSON.stringify(item);
}

function isAnswer({ type }: JsonObject): boolean {
  return typeof type === "string" && (type.endsWith("_output") || type === "mcp_approval_response");
}
