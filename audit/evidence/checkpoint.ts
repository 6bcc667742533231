import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../../base/canonical-json.ts";
import { grow, type Hash, leafHash, peakCount, proveInclusion, rootFromProof, rootOf } from "./merkle.ts";
import { formatNote, parseNote, verifyNote } from "./note.ts";

/** The session that checkpoints are events of. */
export const CHECKPOINT_SESSION = "checkpoints";

/** The head of a chain (session_id, writer) when a checkpoint was made. */
export interface Leaf {
  session_id: string;
  writer: string;
  seq: number;
  hash: string;
}

/** What a checkpoint says of the one before it, or of the last one of the process before on the same spool. */
export interface TreeHead {
  /** The first writer of the process, whose log this is. */
  log: string;
  /** Leaves in the log. */
  size: number;
  /** Base64 of the RFC 6962 root. */
  root: string;
}

/** How the proof of the record stands, for metrics and an operator's alerts. */
export interface EvidenceStatus {
  /** When the newest checkpoint was on disk, in milliseconds since the epoch. */
  signedAt?: number | undefined;
  /** Why the last attempt to sign failed, until one succeeds. */
  signing?: string | undefined;
  /** Places that do not take notes now. */
  places?: { name: string; reason: string }[] | undefined;
  /** The last comparison of the store with what was recorded: when, of how many chains, and how many differ. */
  reconciled?: { at: number; chains: number; events: number; differences: number } | undefined;
}

/** Whoever can have the record signed now: the recorder, where the configuration names a key. */
export interface CheckpointMaker {
  /**
   * Signs where each chain stands, and resolves with the newest tree head; undefined where there is no key or nothing
   * to sign. What was recorded before the call is covered. Rejects where the key cannot be had.
   */
  checkpoint(): Promise<TreeHead | undefined>;
  evidence(): EvidenceStatus;
}

/**
 * Payload of an event of kind `checkpoint`. `leaves` are those that this checkpoint adds, so they are numbered from
 * `size - leaves.length`; `peaks` (base64) stand for all before them. That makes each row complete by itself: the
 * root follows from it, its leaves can be proven from it, and the root of `peaks` is that of the checkpoint before.
 */
export interface Checkpoint extends TreeHead {
  /** A C2SP tlog-checkpoint: origin, size, root, signed. */
  note: string;
  leaves: Leaf[];
  peaks: string[];
  /** Of the first checkpoint of a log only. */
  previous?: TreeHead | undefined;
}

/** A leaf of a log proven from a note alone: a line of `proofs.ndjson` in an export (audit/export/pack-layout.ts). */
export interface InclusionProof extends Leaf {
  tenant: string;
  log: string;
  /** Number of the leaf in its log, from 0, and how many leaves the signed tree has. */
  index: number;
  size: number;
  /** RFC 6962 §2.1.1, base64, from the leaf's sibling up. */
  path: string[];
  /** The signed checkpoint of `size` leaves. */
  note: string;
}

/**
 * A leaf of this hash in the session of checkpoints says that a writer has ended: all its chains' last events are
 * among the leaves up to there, so that an event which no leaf covers was added later.
 */
export const WRITER_ENDED = "0".repeat(64);

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const root = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const size = z.int().min(0);
const head = { log: z.string().min(1).max(256), size, root };
const note = z.string().max(16 * 1024);
const leafShape = { session_id: z.string(), writer: z.string(), seq: z.int().min(1), hash: digest };
const leaf = z.strictObject(leafShape);
const checkpointSchema = z.strictObject({
  ...head,
  note,
  leaves: z.array(leaf).min(1).max(100_000),
  peaks: z.array(root).max(53),
  previous: z.strictObject(head).optional(),
});
const proofSchema = z.strictObject({
  ...leafShape,
  tenant: z.string(),
  log: z.string(),
  index: z.int().min(0),
  size,
  path: z.array(root).max(53),
  note,
});

/** Who signs: `sallyport/<tenant>/<log>`, a schema-less URL as tlog-checkpoint asks for. */
export function originOf(tenant: string, log: string): string {
  return `sallyport/${encodeURIComponent(tenant)}/${encodeURIComponent(log)}`;
}

/** RFC 6962's leaf hash over the canonical JSON of the leaf and its tenant. */
export function hashLeaf(tenant: string, { session_id, writer, seq, hash }: Leaf): Hash {
  return leafHash(canonicalJson({ tenant, session_id, writer, seq, hash }));
}

/** The text that is signed. */
export function noteText(tenant: string, { log, size, root }: TreeHead): string {
  return `${originOf(tenant, log)}\n${size}\n${root}\n`;
}

/** The signed note of a tree head. `sign` gives an Ed25519 signature over the bytes. */
export async function signTreeHead(
  tenant: string,
  treeHead: TreeHead,
  signer: { publicKey: KeyObject; sign(bytes: Buffer): Promise<Buffer> },
): Promise<string> {
  const text = noteText(tenant, treeHead);
  return formatNote(text, originOf(tenant, treeHead.log), signer.publicKey, await signer.sign(Buffer.from(text)));
}

/** Reads a checkpoint from an event's payload. Throws a TypeError that says what is wrong with it. */
export function parseCheckpoint(payload: string): Checkpoint {
  return read(checkpointSchema, payload, "checkpoint");
}

/** Reads a line of `proofs.ndjson`. Throws a TypeError that says what is wrong with it. */
export function parseProof(line: string): InclusionProof {
  return read(proofSchema, line, "inclusion proof");
}

function read<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError(`it is no ${what}: it is not JSON`, { cause: error });
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new TypeError(`it is no ${what}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

export type NoteVerdict = { ok: true; head: TreeHead } | { ok: false; why: string };

/** Checks a note by itself: form, origin of this tenant, and a signature by one of `keys`. */
export function verifyTreeHead(tenant: string, note: string, keys: readonly KeyObject[]): NoteVerdict {
  try {
    const signed = parseNote(note);
    const [origin = "", count = "", root = "", ...more] = signed.text.split("\n");
    const log = decodeURIComponent(origin.split("/")[2] ?? "");
    const head = { log, size: Number(count), root };
    // The text that we would have signed, and nothing else: no extension lines, no leading zeroes.
    if (more.join("\n") !== "" || signed.text !== noteText(tenant, head)) {
      return { ok: false, why: "its note is not of this tenant's log" };
    }
    if (!verifyNote(signed, origin, keys)) return { ok: false, why: "its note is not signed by a key that counts" };
    return { ok: true, head };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Checks a checkpoint by itself: its note is signed and says the same, and its leaves lead to the signed root.
 * Returns why not, or undefined.
 */
export function checkpointFault(
  tenant: string,
  checkpoint: Checkpoint,
  keys: readonly KeyObject[],
): string | undefined {
  const verdict = verifyTreeHead(tenant, checkpoint.note, keys);
  if (!verdict.ok) return verdict.why;
  const { log, size, root } = verdict.head;
  if (log !== checkpoint.log || size !== checkpoint.size || root !== checkpoint.root) {
    return "it says other than its note";
  }
  const base = size - checkpoint.leaves.length;
  if (base < 0 || peakCount(base) !== checkpoint.peaks.length) return "it has not the leaves that its size asks for";
  const grown = grow(
    decode(checkpoint.peaks),
    base,
    checkpoint.leaves.map((one) => hashLeaf(tenant, one)),
  );
  return rootOf(grown).toString("base64") === root ? undefined : "its leaves do not lead to the root that was signed";
}

/** The tree that a checkpoint was added to: what the checkpoint before it in the log has to say. */
export function baseOf({ log, size, leaves, peaks }: Checkpoint): TreeHead {
  return { log, size: size - leaves.length, root: rootOf(decode(peaks)).toString("base64") };
}

/** Proves the `i`th leaf of a checkpoint, from nothing but the checkpoint. */
export function proveLeaf(tenant: string, checkpoint: Checkpoint, i: number): InclusionProof {
  const { log, size, leaves, peaks, note } = checkpoint;
  const leaf = leaves[i];
  if (leaf === undefined) throw new RangeError(`the checkpoint has ${leaves.length} leaves`);
  const base = size - leaves.length;
  const hashes = leaves.map((one) => hashLeaf(tenant, one));
  const path = proveInclusion(decode(peaks), base, hashes, base + i).map((hash) => hash.toString("base64"));
  return { tenant, ...leaf, log, index: base + i, size, path, note };
}

/** Checks an inclusion proof: why it proves nothing, or undefined. */
export function proofFault(tenant: string, proof: InclusionProof, keys: readonly KeyObject[]): string | undefined {
  const verdict = verifyTreeHead(tenant, proof.note, keys);
  if (!verdict.ok) return verdict.why;
  const { log, size, root } = verdict.head;
  if (proof.tenant !== tenant || proof.log !== log || proof.size !== size) return "it says other than its note";
  const led = rootFromProof(hashLeaf(tenant, proof), proof.index, size, decode(proof.path));
  return led?.toString("base64") === root ? undefined : "its path does not lead to the root that was signed";
}

function decode(hashes: readonly string[]): Hash[] {
  return hashes.map((hash) => Buffer.from(hash, "base64"));
}
