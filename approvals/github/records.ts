import { z } from "zod";
import { canonicalJson } from "../../base/canonical-json.ts";
import { hmac, sameSecret } from "../../base/digest.ts";
import { inertJson } from "../pull-request/safe-text.ts";
import type { Proposal } from "../types.ts";

/**
 * What the gateway says in commits and comments, as one line of JSON and one with its MAC: whoever can write the
 * repository, or comment, can write anything but that. Nothing else about a commit or a comment means anything.
 */
const RECORD = "Sallyport-Record: ";
const MAC = "Sallyport-Mac: ";

const at = z.number().nonnegative();
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const voteShape = z.strictObject({ issuer: z.string(), username: z.string(), at, reason: z.string() });
const proposal = z
  .looseObject({ connection: z.string(), digest: hex64, change: hex64, notAfter: at, maxUses: z.int().min(1) })
  .transform((value) => value as unknown as Proposal);

const recordShape = z.discriminatedUnion("kind", [
  // `branch`: the digest whose branch it is for, its own or the first one's of a batch; `parent`: the commit that it
  // stands on, so that it cannot be put on another request's branch.
  z.strictObject({
    kind: z.literal("propose"),
    name: z.string(),
    at,
    file: hex64,
    branch: hex64,
    parent: z.string(),
    proposal,
  }),
  // In the body of a pull request, so that one that is long over needs no further reading.
  // `shown`: what people read of it.
  z.strictObject({ kind: z.literal("pull"), names: z.array(z.string()), notAfter: at, shown: hex64 }),
  z.strictObject({ kind: z.literal("use"), name: z.string(), n: z.int(), exchangeId: z.string() }),
  z.strictObject({ kind: z.literal("revoke"), name: z.string(), at, by: z.string(), reason: z.string() }),
  z.strictObject({ kind: z.literal("kill"), session: z.string(), at, by: z.string(), reason: z.string(), until: at }),
  z.strictObject({
    kind: z.literal("break-glass"),
    name: z.string(),
    at,
    by: voteShape,
    reviewBy: at,
    notAfter: at,
    openedAt: at,
    proposal,
  }),
  z.strictObject({
    kind: z.literal("reset"),
    from: z.string(),
    to: z.string(),
    at,
    by: z.string(),
    reason: z.string(),
  }),
  z.strictObject({ kind: z.literal("withdraw"), name: z.string(), at, by: z.string(), reason: z.string() }),
  z.strictObject({ kind: z.literal("review"), name: z.string(), at, file: hex64 }),
  z.strictObject({
    kind: z.literal("outcome"),
    name: z.string(),
    at,
    state: z.enum(["consumed", "expired", "denied", "cancelled", "revoked", "break-glass"]),
    /** The issuer of who did it, where they did it by the control API. */
    issuer: z.string().optional(),
    by: z.string(),
    reason: z.string(),
  }),
  z.strictObject({ kind: z.literal("checked"), head: z.string() }),
]);

export type HubRecord = z.output<typeof recordShape>;
export type RecordOf<K extends HubRecord["kind"]> = Extract<HubRecord, { kind: K }>;
export type Keys = readonly Uint8Array[];

function lines(keys: Keys, record: HubRecord): string {
  const [key] = keys;
  if (key === undefined) throw new TypeError("no key signs records");
  const json = canonicalJson(record);
  // In a commit's message `fixes #1` closes an issue once it is merged: text of the agent's is escapes there.
  return `${RECORD}${inertJson(json)}\n${MAC}${hmac(key, "record", json)}`;
}

/** The message of a commit. */
export function recordMessage(keys: Keys, title: string, record: HubRecord): string {
  return `${title}\n\n${lines(keys, record)}\n`;
}

/** A record that doesn't show, at the end of a comment or a pull request's body. */
export function hiddenRecord(keys: Keys, record: HubRecord): string {
  return `\n\n<!--\n${lines(keys, record)}\n-->\n`;
}

/** The record of this kind in a text, where one of the keys made its MAC; else undefined. */
export function readRecord<K extends HubRecord["kind"]>(keys: Keys, kind: K, text: string): RecordOf<K> | undefined {
  const all = text.split(/\r?\n/);
  const at = all.findIndex((line) => line.startsWith(RECORD));
  const mac = all[at + 1];
  if (at === -1 || mac === undefined || !mac.startsWith(MAC)) return undefined;
  try {
    const value: unknown = JSON.parse((all[at] ?? "").slice(RECORD.length));
    const json = canonicalJson(value);
    const said = mac.slice(MAC.length).trim();
    if (!keys.some((key) => sameSecret(hmac(key, "record", json), said))) return undefined;
    const record = recordShape.safeParse(value);
    return record.success && record.data.kind === kind ? (record.data as RecordOf<K>) : undefined;
  } catch {
    return undefined; // no JSON: not ours
  }
}
