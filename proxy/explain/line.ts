import { z } from "zod";
import { toConfigIssues } from "../../base/config/issues.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import type { Decision } from "../../engine/decision.ts";
import { policyInputSchema, userInfoSchema } from "../../engine/input.ts";
import type { ExplainRequest } from "./request.ts";

const object = z.record(z.string(), z.unknown());
const texts = z.record(z.string(), z.string());

/** One request of `policy explain --batch` and of `POST /v1alpha1/policy/explain` (contracts §7). */
export const requestLineSchema = z
  .strictObject({
    id: z.union([z.string(), z.number()]).optional(),
    method: z.string(),
    path: z.string().describe("Path and query below /connections/{name}."),
    headers: texts.optional(),
    contentType: z.string().optional(),
    body: z.unknown().optional().describe("JSON; or text, as it is sent."),
    bodyBase64: z.base64().optional(),
    oldObject: object.nullable().optional(),
    namespaceLabels: texts.optional(),
    roleRules: z.array(object).optional(),
    user: userInfoSchema.partial().optional(),
    connection: z
      .union([z.string(), z.strictObject({ name: z.string().optional(), labels: texts.optional() })])
      .optional(),
    exceptions: policyInputSchema.shape.exceptions.optional(),
    dialogue: policyInputSchema.shape.dialogue,
    protocol: z.enum(["websocket", "spdy"]).optional(),
    target: policyInputSchema.shape.target,
  })
  .refine(({ body, bodyBase64 }) => body === undefined || bodyBase64 === undefined, {
    error: "body and bodyBase64 are two bodies",
  });

export type RequestLine = z.output<typeof requestLineSchema>;

/** Each value beside the body and the stored object is looked at by itself, and each that is wrong has words of its own. */
const MOST_VALUES = 20_000;
const MOST_KEYS = 64;
const FREE = new Set(["body", "bodyBase64", "oldObject"]);
const MOST_MISTAKES = 20;

const JSON_SCHEMA = z.toJSONSchema(requestLineSchema, { unrepresentable: "any", io: "input" });

/** What a line was read as, or what is wrong with it, with the nearest valid names. */
export function readRequestLine(text: string): { line: RequestLine } | { error: string } {
  let value: unknown;
  try {
    value = parseLossless(text);
  } catch {
    return { error: "it is no JSON" };
  }
  return checkRequestLine(value);
}

/** As readRequestLine, of a value that is parsed already. */
export function checkRequestLine(value: unknown): { line: RequestLine } | { error: string } {
  if (tooMuch(value)) {
    return { error: `beside body and oldObject it may hold ${MOST_VALUES} values, and ${MOST_KEYS} keys of its own` };
  }
  const result = requestLineSchema.safeParse(value);
  if (result.success) return { line: result.data };
  const issues = toConfigIssues(result.error, JSON_SCHEMA as Parameters<typeof toConfigIssues>[1]);
  const words = issues.map(({ path, message }) => (path === "" ? message : `${path.slice(0, 200)}: ${message}`));
  const more = words.length > MOST_MISTAKES ? [`and ${words.length - MOST_MISTAKES} more`] : [];
  return { error: [...words.slice(0, MOST_MISTAKES), ...more].join("; ") };
}

function tooMuch(line: unknown): boolean {
  if (typeof line !== "object" || line === null) return false;
  const own = Object.entries(line);
  const waiting: unknown[] = own.flatMap(([key, value]) => (FREE.has(key) ? [] : [value]));
  let seen = 0;
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null) continue;
    const entries = Object.values(value);
    seen += entries.length;
    if (seen > MOST_VALUES) return true;
    waiting.push(...entries);
  }
  return own.length > MOST_KEYS;
}

/** The request that a line says. */
export function requestOfLine(line: RequestLine): ExplainRequest {
  const { id: _, body, bodyBase64, connection, ...rest } = line;
  return {
    ...(rest as ExplainRequest),
    ...(connection === undefined
      ? {}
      : { connection: typeof connection === "string" ? { name: connection } : (connection as { name?: string }) }),
    ...bodyOf(body, bodyBase64),
    ...contentTypeOf(rest, body),
  };
}

function bodyOf(body: unknown, base64: string | undefined): Pick<ExplainRequest, "body"> {
  if (base64 !== undefined) return { body: Buffer.from(base64, "base64") };
  if (body === undefined) return {};
  return { body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)) };
}

/** A body that was written as JSON, and of which nothing else is said, is sent as such; a patch has to say its type. */
function contentTypeOf(
  { contentType, headers, method }: Pick<RequestLine, "contentType" | "headers" | "method">,
  body: unknown,
): Pick<ExplainRequest, "contentType"> {
  if (contentType !== undefined) return { contentType };
  const said = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === "content-type");
  return said || method === "PATCH" || body === undefined || typeof body === "string"
    ? {}
    : { contentType: "application/json" };
}

/** What the answer to a line says (contracts §7). */
export function answerLine(id: RequestLine["id"], decision: Decision): Record<string, unknown> {
  const { effect, findings, mask, record } = decision;
  return { id: id ?? null, effect, findings, mask, record };
}
