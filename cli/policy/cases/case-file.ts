import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isMap, isSeq, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { effectSchema, recordLevelSchema } from "../../../base/config/guardrails.ts";
import { ConfigError, type ConfigIssue } from "../../../base/config/issues.ts";
import { parseYaml } from "../../../base/config/read.ts";
import { errorMessage } from "../../../base/errors.ts";

const texts = z.record(z.string(), z.string());
const object = z.record(z.string(), z.json());

const givenSchema = z.strictObject({
  user: z
    .strictObject({
      username: z.string().optional(),
      issuer: z.string().optional(),
      uid: z.string().optional(),
      groups: z.array(z.string()).optional(),
      roles: z.array(z.string()).optional(),
      extra: z.record(z.string(), z.array(z.string())).optional(),
    })
    .optional(),
  /** As guardrails.yaml, without apiVersion and kind. Where it names no approvers, there are some. */
  guardrails: object.optional(),
  exceptions: z
    .array(z.strictObject({ name: z.string(), rules: z.array(z.string()).min(1), unmask: z.boolean().default(false) }))
    .optional(),
  oldObject: object.nullable().optional(),
  namespaceLabels: texts.optional(),
  roleRules: z.array(object).optional(),
  connection: z.strictObject({ name: z.string().optional(), labels: texts.optional() }).optional(),
  /** The dialogue with a model that the request comes of. */
  dialogue: z
    .strictObject({
      promptId: z.string().optional(),
      toolUseId: z.string().optional(),
      model: z.string().optional(),
      strength: z.enum(["exact", "window", "claimed", "none"]).optional(),
    })
    .optional(),
  /** The pod of an exec, attach, port-forward or log request. */
  target: z
    .strictObject({ uid: z.string().optional(), labels: texts.optional(), serviceAccountName: z.string().optional() })
    .optional(),
});

const requestSchema = z
  .strictObject({
    method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    path: z.string().startsWith("/", "must start with /"),
    headers: texts.optional(),
    contentType: z.string().optional(),
    /** Text as it is sent, or a mapping that is sent as JSON. */
    body: z.union([z.string(), object, z.array(z.json())]).optional(),
    bodyBase64: z.base64().optional(),
    bodyFile: z.string().optional(),
    protocol: z.enum(["websocket", "spdy"]).optional(),
  })
  .refine((one) => [one.body, one.bodyBase64, one.bodyFile].filter((body) => body !== undefined).length <= 1, {
    error: "has more than one of body, bodyBase64 and bodyFile",
  });

const expectSchema = z.strictObject({
  effect: z.enum(["allow", "hold", "deny"]),
  findings: z
    .array(
      z.strictObject({
        rule: z.string(),
        fields: z.array(z.string()).optional(),
        effect: effectSchema.optional(),
        message: z.string().optional(),
        exception: z.string().optional(),
      }),
    )
    .optional(),
  /** The fields that are masked, whatever rule asks for it; empty: nothing is. */
  mask: z.array(z.string()).optional(),
  record: recordLevelSchema.optional(),
});

/** What stands for the request of a tool call, which is none. */
const NO_REQUEST: z.output<typeof requestSchema> = { method: "GET", path: "/" };

const caseSchema = z
  .strictObject({
    name: z.string().min(1),
    given: givenSchema.default({}),
    request: requestSchema.optional(),
    /** A model's tool call, in place of a request. */
    tool: z.strictObject({ name: z.string(), arguments: object.default({}) }).optional(),
    /** A dialogue with a model, in place of a request. */
    dialogue: z.strictObject({ model: z.string() }).optional(),
    expect: expectSchema,
  })
  .refine(({ request, tool, dialogue }) => [request, tool, dialogue].filter((one) => one !== undefined).length === 1, {
    error: "must have request, tool or dialogue, and no two of them",
    path: ["request"],
  })
  .transform(({ request, ...rest }) => ({ ...rest, request: request ?? NO_REQUEST }));
const caseFileSchema = z.strictObject({ cases: z.array(caseSchema).min(1) });

export type PolicyCase = z.output<typeof caseSchema>;

/** A case, where it stands, and the rule that its file is about (`workload/host-path`). */
export interface LocatedCase extends PolicyCase {
  file: string;
  line: number;
  rule: string;
}

/**
 * Reads `policy-tests/<category>/<rule>.yaml` (contracts §8). Throws a ConfigError with every mistake: unknown
 * fields with the nearest name, names that are used twice.
 *
 * @param rule what the file is about: its path below its folder, without `.yaml`.
 */
export async function readCases(file: string, rule: string): Promise<LocatedCase[]> {
  const text = await readFile(file, "utf8");
  const { cases } = parseYaml(file, text, caseFileSchema);
  const twice: ConfigIssue[] = cases.flatMap((one, i) => {
    const first = cases.findIndex(({ name }) => name === one.name);
    return first === i ? [] : [{ path: `cases[${i}].name`, message: `is the name of cases[${first}] as well` }];
  });
  if (twice.length > 0) throw new ConfigError(file, twice);
  const lines = linesOf(text);
  return cases.map((one, i) => ({ ...one, file, rule, line: lines[i] ?? 1 }));
}

/** The line of each case. */
function linesOf(text: string): number[] {
  const counter = new LineCounter();
  const { contents } = parseDocument(text, { lineCounter: counter });
  const cases = isMap(contents) ? contents.get("cases") : undefined;
  if (!isSeq(cases)) return [];
  return cases.items.map((item) => {
    const start = isMap(item) ? item.range?.[0] : undefined;
    return start === undefined ? 1 : counter.linePos(start).line;
  });
}

/** What the case's request sends; a `bodyFile` lies beside the case's file. Throws a ConfigError where it cannot be read. */
export async function bodyOf(one: LocatedCase): Promise<Uint8Array | undefined> {
  const { body, bodyBase64, bodyFile } = one.request;
  if (bodyBase64 !== undefined) return Buffer.from(bodyBase64, "base64");
  if (bodyFile !== undefined) {
    try {
      return await readFile(resolve(join(dirname(one.file), bodyFile)));
    } catch (error) {
      throw new ConfigError(one.file, [
        { path: `line ${one.line}: request.bodyFile`, message: `${bodyFile} cannot be read: ${errorMessage(error)}` },
      ]);
    }
  }
  if (body === undefined) return undefined;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}
