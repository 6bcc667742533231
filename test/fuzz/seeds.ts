import { readFileSync } from "node:fs";
import { isRawNumber, parseLossless } from "../../base/lossless-json.ts";

const read = (file: string): unknown =>
  parseLossless(readFileSync(new URL(`./seeds/${file}`, import.meta.url), "utf8"));

export interface SeedRequest {
  method: string;
  target: string;
  accept?: string;
  contentType?: string;
}

let requests: SeedRequest[] | undefined;
/** Request lines and their headers, as kubectl and client-go sent them, and those of RequestInfoFactory's own tests. */
export function seedRequests(): SeedRequest[] {
  requests ??= [
    ...(read("requests.json") as SeedRequest[]),
    ...(read("../../kubernetes/data/request-info.json") as SeedRequest[]),
  ];
  return requests;
}

let objects: Record<string, unknown>[] | undefined;
/** Objects as kubectl sent them and an API server answered them, with no secret in them. */
export function seedObjects(): Record<string, unknown>[] {
  objects ??= read("objects.json") as Record<string, unknown>[];
  return objects;
}

/** Go reads an integer of more than 64 bits as the nearest float. */
function asGo(value: unknown): unknown {
  if (!isRawNumber(value)) return value;
  const whole = BigInt(value.rawJSON);
  return whole >= 2n ** 63n || whole < -(2n ** 63n) ? Number(whole) : value;
}

let protobufBodies: Uint8Array[] | undefined;
/** Bodies of client-go and of an API server in protobuf (record-protobuf.ts). */
export function seedProtobuf(): Uint8Array[] {
  protobufBodies ??= (read("protobuf.json") as string[]).map((body) => Buffer.from(body, "base64"));
  return protobufBodies;
}

/** A JSON text in which the order of keys does not count, and -0 is 0. */
export function normalised(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item) && !isRawNumber(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : asGo(item),
  );
}

export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b) || normalised(a) === normalised(b);
}
