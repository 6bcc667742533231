import { isObject } from "../json/strict-json.ts";
import type { JsonObject } from "./fields.ts";

/** Why a provider ended its reply, in its word. */
export function providerReason(event: JsonObject): string {
  const error = isObject(event.error) ? event.error : event;
  const word = [error.code, error.type].find((value) => typeof value === "string" && value !== "" && value !== "error");
  return word === undefined
    ? "the provider ended the reply with an error"
    : `the provider ended the reply with an error: ${String(word).slice(0, 100)}`;
}
