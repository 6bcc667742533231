import { stringify } from "yaml";
import { z } from "zod";
import { rfc3339 } from "../base/clock.ts";
import { ConfigError } from "../base/config/issues.ts";
import { parseYaml } from "../base/config/read.ts";
import { clip } from "./text.ts";
import type { Proposal } from "./types.ts";

/** `exceptions/<name>.yaml` (contracts §4). */
const text = z.string().max(2048);
const hex64 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const rule = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'must be a rule id, "<category>/<rule>"');

/** `<first 16 hex of the digest>-<n>`: what the gateway itself names exceptions for one request. */
export const APPROVAL_NAME = /^[0-9a-f]{16}-[1-9][0-9]{0,5}$/;

const oneRequest = z.strictObject({ connection: text, digest: hex64, change: hex64 });
const standing = z.strictObject({
  connection: text,
  verbs: z.array(text).optional(),
  resources: z.array(text).optional(),
  namespaces: z.array(text).optional(),
  names: z.array(text).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});

export const exceptionSchema = z.strictObject({
  apiVersion: z.literal("sallyport.dev/v1alpha1"),
  kind: z.literal("PolicyException"),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/) }),
  spec: z.strictObject({
    rules: z.array(rule).min(1).max(100),
    subjects: z.array(z.union([z.strictObject({ issuer: text, username: text }), z.strictObject({ group: text })])),
    match: z.union([oneRequest, standing]),
    unmask: z.boolean().default(false),
    policy: z.strictObject({ revision: text }),
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
  const file = stringify(exception, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 });
  parseException(name, file);
  return file;
}

/** Reads an exception file; throws a ConfigError with every mistake, and one where it names another file's name. */
export function parseException(name: string, file: string): PolicyException {
  const path = `exceptions/${name}.yaml`;
  // One schema for all: zod compiles each that it is given, and ten thousand of them took 18 s.
  const exception = parseYaml(path, file, exceptionSchema);
  if (exception.metadata.name === name) return exception;
  throw new ConfigError(path, [{ path: "metadata.name", message: `must be "${name}", the file's own name` }]);
}
