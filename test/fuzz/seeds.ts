import { readFileSync } from "node:fs";
import { parseLossless } from "../../base/lossless-json.ts";

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

/** A JSON text in which the order of keys does not count, and -0 is 0. */
export function normalised(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item) && !JSON_RAW.isRawJSON(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
const JSON_RAW = JSON as unknown as { isRawJSON(value: unknown): boolean };

export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b) || normalised(a) === normalised(b);
}
