import { Refusal } from "../base/errors.ts";
import { JsonItems } from "./json-items.ts";
import type { KubernetesObject } from "./types.ts";

const TYPES = new Set(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]);
/** As every API server begins a frame: WatchEvent of meta/v1 has two fields, in this order. */
const BEGINNING = /^\{"type":"(?:ADDED|MODIFIED|DELETED|BOOKMARK|ERROR)","object":\{/;

export interface WatchEvent {
  type: string;
  object: KubernetesObject;
}

/** The event of a parsed frame. Throws Refusal `unmaskable` on what is none: a list, an object by itself. */
export function watchEvent(frame: unknown): WatchEvent {
  const { type, object } = (frame ?? {}) as Partial<WatchEvent>;
  const isObject = typeof object === "object" && object !== null && !Array.isArray(object);
  if (typeof type !== "string" || !TYPES.has(type) || !isObject) throw notAnEvent();
  return frame as WatchEvent;
}

/** Whether the bytes of a frame may be passed unparsed: one JSON text that begins as an event does. */
export function isPlainEvent(frame: Buffer): boolean {
  if (!BEGINNING.test(frame.toString("latin1", 0, 64))) return false;
  const json = new JsonItems({ discard: true });
  const pieces = json.push(frame);
  json.end();
  return pieces.length === 0;
}

function notAnEvent(): Refusal {
  return new Refusal("unmaskable", "the API server was asked for a watch, and sent something else");
}
