import { CORE_SCHEMA, load, YAMLException } from "js-yaml";
import { stringify } from "yaml";
import { z } from "zod";
import { rfc3339 } from "../base/clock.ts";
import { ConfigError, toConfigIssues } from "../base/config/issues.ts";
import { errorMessage } from "../base/errors.ts";
import { clip, visibleYaml } from "./text.ts";
import type { Proposal } from "./types.ts";

/** `exceptions/<name>.yaml` (contracts §4). */
const text = z.string().max(2048);
const hex64 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const rule = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'must be a rule id, "<category>/<rule>"');

/** `<first 16 hex of the digest>-<n>`: what the gateway itself names exceptions for one request. */
export const APPROVAL_NAME = /^[0-9a-f]{16}-[1-9][0-9]{0,5}$/;

const oneRequest = z.strictObject({ connection: text, digest: hex64, change: hex64 });
const texts = z.array(text).max(100);
const standing = z.strictObject({
  connection: text,
  verbs: texts.optional(),
  resources: texts.optional(),
  namespaces: texts.optional(),
  names: texts.optional(),
  labels: z.record(z.string(), z.string()).optional(),
});

export const exceptionSchema = z.strictObject({
  apiVersion: z.literal("sallyport.dev/v1alpha1"),
  kind: z.literal("PolicyException"),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/) }),
  spec: z.strictObject({
    rules: z.array(rule).min(1).max(100),
    subjects: z
      .array(z.union([z.strictObject({ issuer: text, username: text }), z.strictObject({ group: text })]))
      .max(100),
    match: z.union([oneRequest, standing]),
    unmask: z.boolean().default(false),
    policy: z.strictObject({ revision: text }),
    /** Who answers for it; `requestedBy` where absent. */
    owner: z
      .string()
      .max(2048)
      .regex(/^(user|group):.+$/, 'must be "user:<username>" or "group:<group>", with the issuer\'s prefix')
      .optional(),
    requestedBy: z.strictObject({ issuer: text, username: text, session: text }),
    reason: z.string().max(4096),
    notAfter: z.iso.datetime({ offset: false }),
    maxUses: z.int().min(1).max(1000).optional(),
  }),
});

export type PolicyException = z.output<typeof exceptionSchema>;

/**
 * The exception file for one request. Every string is double-quoted, so that no text of the agent's can end
 * its scalar, start a key, a document, an anchor, a tag or a comment; what cannot be seen is an escape.
 * Throws a ConfigError where the proposal does not make a valid exception.
 */
export function renderException(name: string, proposal: Proposal): string {
  const exception = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "PolicyException",
    metadata: { name },
    spec: {
      rules: proposal.rules,
      subjects: [{ issuer: proposal.requester.issuer, username: proposal.requester.username }],
      match: { connection: proposal.connection, digest: proposal.digest, change: proposal.change },
      unmask: false,
      policy: { revision: proposal.policyRevision },
      requestedBy: {
        issuer: proposal.requester.issuer,
        username: proposal.requester.username,
        session: proposal.requester.session,
      },
      reason: clip(proposal.summary.reason, 1024),
      notAfter: rfc3339(proposal.notAfter),
      maxUses: proposal.maxUses,
    },
  };
  const file = yamlFile(exception);
  parseException(name, file);
  return file;
}

/** An exception as the text of its file. Every string is double-quoted, and what cannot be seen is an escape. */
export function yamlFile(exception: object): string {
  return visibleYaml(
    stringify(exception, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 }),
  );
}

/** No exception says so much; what is longer is not parsed. */
const LONGEST_FILE = 65_536;

/** Reads an exception file; throws a ConfigError with every mistake, and one where it names another file's name. */
export function parseException(name: string, file: string): PolicyException {
  const path = `exceptions/${name}.yaml`;
  const parsed = exceptionSchema.safeParse(parseFile(path, file));
  if (!parsed.success) {
    const schema = z.toJSONSchema(exceptionSchema, { unrepresentable: "any", io: "input" });
    throw new ConfigError(path, toConfigIssues(parsed.error, schema as never));
  }
  if (parsed.data.metadata.name === name) return parsed.data;
  throw new ConfigError(path, [{ path: "metadata.name", message: `must be "${name}", the file's own name` }]);
}

/** js-yaml, where configurations are read with yaml: of 10,000 files it took 0.13 s, and yaml 1.3 s. */
function parseFile(path: string, file: string): unknown {
  if (file.length > LONGEST_FILE) {
    throw new ConfigError(path, [{ path: "", message: `is longer than ${LONGEST_FILE} characters` }]);
  }
  try {
    // No timestamps, merge keys or types of its own: what is written is text, numbers, lists and maps.
    return load(file, { schema: CORE_SCHEMA }) ?? {};
  } catch (error) {
    const line = error instanceof YAMLException ? error.mark?.line : undefined;
    throw new ConfigError(path, [
      {
        path: line === undefined ? "" : `line ${line + 1}`,
        message: error instanceof YAMLException ? error.reason : errorMessage(error),
      },
    ]);
  }
}
