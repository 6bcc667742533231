import { rawNumber } from "../../base/lossless-json.ts";
import { queryBoolean } from "../query.ts";
import type { KubernetesObject, RequestAttributes } from "../types.ts";

/** An int64, exactly; what is none stays text, and the server answers 400. */
function integer(text: string): unknown {
  if (!/^[+-]?\d{1,30}$/.test(text)) return text;
  const value = BigInt(text.replace("+", ""));
  return Number.isSafeInteger(Number(value)) ? Number(value) : rawNumber(value.toString());
}

type Read = (values: string[]) => unknown;
const first: Read = (values) => values[0];
const OPTIONS: Record<string, Read> = {
  dryRun: (values) => values,
  gracePeriodSeconds: (values) => integer(values[0] ?? ""),
  propagationPolicy: first,
  orphanDependents: queryBoolean,
  fieldManager: first,
  fieldValidation: first,
  force: queryBoolean,
};

/** Preconditions of a delete in the query (Convert_url_Values_To_v1_DeleteOptions). */
function preconditions(query: Record<string, string[]>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const key of ["uid", "resourceVersion"]) {
    const value = query[key]?.[0];
    if (value !== undefined && value !== "") found[key] = value;
  }
  return found;
}

/**
 * The options that the server will act on: those of a delete's body if there is one, else the query's
 * (handlers/delete.go; writes read the query only).
 */
export function deleteOptions(attributes: RequestAttributes, body: KubernetesObject | null): Record<string, unknown> {
  if (body !== null) {
    const { kind: _kind, apiVersion: _apiVersion, ...options } = body;
    return options;
  }
  const options: Record<string, unknown> = {};
  if (attributes.operation === "" || attributes.operation === "CONNECT") return options;
  for (const [key, read] of Object.entries(OPTIONS)) {
    const values = attributes.query[key];
    if (values !== undefined) options[key] = read(values);
  }
  if (attributes.operation === "DELETE") {
    const found = preconditions(attributes.query);
    if (Object.keys(found).length > 0) options.preconditions = found;
  }
  return options;
}
