import { z } from "zod";
import { canonicalJson } from "../../base/canonical-json.ts";
import type { Proposal, Vote } from "../types.ts";

/**
 * What each commit of the gateway says, as one line of JSON in its message: title, empty line, record. The
 * commit's signature covers it, and nothing else about a commit (its author, its date, the rest of its tree)
 * means anything to the gateway.
 */
const LINE = "Sallyport-Record: ";

const count = z.number().nonnegative();
const vote = z.strictObject({
  issuer: z.string(),
  username: z.string(),
  groups: z.array(z.string()),
  at: count,
  reason: z.string(),
});
const names = z.array(z.string()).optional();
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const proposal = z
  .looseObject({ connection: z.string(), digest: hex64, change: hex64, notAfter: count, maxUses: z.int().min(1) })
  .transform((value) => value as unknown as Proposal);

export const recordSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("init") }),
  z.strictObject({ kind: z.literal("propose"), name: z.string(), at: count, file: hex64, proposal }),
  z.strictObject({ kind: z.literal("vote"), name: z.string(), vote }),
  z.strictObject({
    kind: z.literal("merge"),
    name: z.string(),
    at: count,
    file: hex64,
    approvals: z.array(vote),
    batch: names,
  }),
  z.strictObject({ kind: z.literal("deny"), name: z.string(), vote, batch: names }),
  z.strictObject({ kind: z.literal("expire"), name: z.string(), at: count }),
  z.strictObject({ kind: z.literal("cancel"), name: z.string(), by: z.string(), at: count, reason: z.string() }),
  z.strictObject({ kind: z.literal("revoke"), name: z.string(), by: z.string(), at: count, reason: z.string() }),
  // Its file says how long it lasts: the proposal with this notAfter, and for one use.
  z.strictObject({
    kind: z.literal("break-glass"),
    name: z.string(),
    vote,
    file: hex64,
    notAfter: count,
    reviewBy: count,
  }),
  z.strictObject({ kind: z.literal("review"), name: z.string(), vote, verdict: z.enum(["accepted", "rejected"]) }),
  z.strictObject({
    kind: z.literal("kill"),
    session: z.string(),
    by: z.string(),
    reason: z.string(),
    at: count,
    until: count,
  }),
  // main was rewritten, and a person says that it is right.
  z.strictObject({
    kind: z.literal("reset"),
    from: z.string(),
    to: z.string(),
    by: z.string(),
    at: count,
    reason: z.string(),
  }),
  // Standing exceptions that a person wrote, by name, each with the SHA-256 of its file.
  z.strictObject({
    kind: z.literal("standing"),
    at: count,
    by: z.strictObject({ issuer: z.string(), username: z.string() }),
    reason: z.string(),
    files: z.record(z.string(), hex64),
  }),
]);

export type GitRecord = z.output<typeof recordSchema>;
/** A vote with the groups that made its voter an approver: requirements are counted from what was signed. */
export type GitVote = Vote & { groups: string[] };

const TITLES: Record<GitRecord["kind"], string> = {
  init: "Start the policy-exceptions repository",
  propose: "Propose",
  vote: "Approve, with more approvals to come:",
  merge: "Approve",
  deny: "Deny",
  expire: "Expire",
  cancel: "Cancel",
  revoke: "Revoke",
  "break-glass": "Break the glass for",
  review: "Review the break-glass of",
  kill: "Kill a session",
  reset: "Accept main as it is",
  standing: "Take standing exceptions into force",
};

/** The commit message of a record. Text of the agent's stands only inside the JSON, which is one line. */
export function recordMessage(record: GitRecord): string {
  const title = "name" in record ? `${TITLES[record.kind]} ${record.name}` : TITLES[record.kind];
  return `${title}\n\n${LINE}${canonicalJson(record)}\n`;
}

/** The record of a message, or undefined where there is none that we could have written. */
export function parseRecord(message: string): GitRecord | undefined {
  const line = message.split("\n")[2];
  if (line === undefined || !line.startsWith(LINE)) return undefined;
  try {
    const result = recordSchema.safeParse(JSON.parse(line.slice(LINE.length)));
    return result.success ? result.data : undefined;
  } catch {
    return undefined; // not JSON: not ours, and whoever reads it treats it as an unsigned commit
  }
}
