import { generateKeyPairSync, sign } from "node:crypto";
import type { EventRow } from "../../audit/event.ts";
import {
  type Checkpoint,
  hashLeaf,
  noteText,
  originOf,
  parseCheckpoint,
  WRITER_ENDED,
} from "../../audit/evidence/checkpoint.ts";
import { grow, type Hash, rootOf } from "../../audit/evidence/merkle.ts";
import { formatNote } from "../../audit/evidence/note.ts";
import { chainHash, GENESIS } from "../../audit/recorder/chain.ts";
import { canonicalJson } from "../../base/canonical-json.ts";
import type { Rows } from "./record.ts";

/**
 * Somebody who has the database and the code, and no key: recomputes every hash that can be. What of it is worth
 * while differs, so how far the editor goes is drawn as well.
 */
export type Effort =
  /** Nothing but the edit. */
  | "none"
  /** The hash of the row that was edited. */
  | "row"
  /** Numbers and hashes of its whole chain. */
  | "chain"
  /** The leaves, trees and notes of all checkpoints that say otherwise; old signatures stay where they were. */
  | "checkpoints"
  /** The same, and signed anew, by a key of the editor's own. */
  | "own key"
  /** Checkpoints that say otherwise are removed, and with them all that came after. */
  | "cut back";

export const EFFORTS: readonly Effort[] = ["none", "row", "chain", "checkpoints", "own key", "cut back"];

const own = generateKeyPairSync("ed25519");
const chainOf = ({ session_id, writer }: { session_id: string; writer: string }): string => `${writer} ${session_id}`;

export function hashOf({ hash: _, prev_hash, ...rest }: EventRow): string {
  return chainHash(prev_hash, canonicalJson(rest));
}

/** Makes up for an edit of the chain of `place`: `rows` lie in the order of chains. */
export function cover(rows: Rows, place: { session_id: string; writer: string; seq: number }, effort: Effort): Rows {
  if (effort === "none") return rows;
  if (effort === "row") {
    return rows.map((row) =>
      chainOf(row) === chainOf(place) && row.seq === place.seq ? { ...row, hash: hashOf(row) } : row,
    );
  }
  const chained = rechain(rows, chainOf(place));
  return effort === "chain" ? chained : resign(chained, effort);
}

/** Numbers and hashes one chain from its beginning. */
function rechain(rows: Rows, chain: string): Rows {
  let seq = 0;
  let prev_hash = GENESIS;
  return rows.map((row) => {
    if (chainOf(row) !== chain) return row;
    seq++;
    const next = { ...row, seq, prev_hash };
    next.hash = hashOf(next);
    prev_hash = next.hash;
    return next;
  });
}

/** Makes all checkpoints agree with the chains as they are now, as far as that goes without the key. */
function resign(rows: Rows, effort: Effort): Rows {
  const heads = new Map<string, EventRow>();
  for (const row of rows) heads.set(`${chainOf(row)} ${row.seq}`, row);
  const byLog = new Map<string, EventRow[]>();
  for (const row of rows) {
    if (row.kind !== "checkpoint") continue;
    const { log } = parseCheckpoint(row.payload);
    byLog.set(log, [...(byLog.get(log) ?? []), row]);
  }
  const edited = new Map<EventRow, EventRow | undefined>();
  // Logs in the order of their processes: a later one signs the end of the one before it.
  let cut = false;
  for (const [, log] of [...byLog].sort(([a], [b]) => (a < b ? -1 : 1))) {
    let peaks: Hash[] = [];
    let size = 0;
    let prev_hash = GENESIS;
    for (const row of log) {
      const checkpoint = parseCheckpoint(row.payload);
      const leaves = checkpoint.leaves.flatMap((leaf) => {
        if (leaf.hash === WRITER_ENDED) return [leaf];
        const head = heads.get(`${chainOf(leaf)} ${leaf.seq}`) ?? last(rows, leaf);
        return head === undefined ? [] : [{ ...leaf, seq: Math.min(leaf.seq, head.seq), hash: head.hash }];
      });
      const before = peaks;
      const hashes = leaves.map((leaf) => hashLeaf(row.tenant, leaf));
      peaks = grow(peaks, size, hashes);
      size += leaves.length;
      const next = noted(
        row.tenant,
        { ...checkpoint, size, leaves, root: b64([rootOf(peaks)])[0] ?? "", peaks: b64(before) },
        effort,
      );
      if (effort === "cut back") {
        cut ||= next.root !== checkpoint.root;
        if (cut) edited.set(row, undefined);
        continue;
      }
      const changed = { ...row, payload: canonicalJson(next), prev_hash };
      changed.hash = hashOf(changed);
      prev_hash = changed.hash;
      heads.set(`${chainOf(row)} ${row.seq}`, changed);
      edited.set(row, changed);
    }
  }
  const kept = rows.flatMap((row) => (edited.has(row) ? (edited.get(row) ?? []) : row));
  if (!cut) return kept;
  // Processes that began after the cut would name a predecessor that is not there any more.
  const writers = new Set(kept.filter(({ kind }) => kind === "checkpoint").map(({ writer }) => writer));
  return kept.filter(({ writer }) => writers.has(writer));
}

/** A checkpoint of other leaves: its tree and note computed anew, as far as that goes without the key. */
export function forge(
  tenant: string,
  checkpoint: Checkpoint,
  leaves: Checkpoint["leaves"],
  effort: Effort,
): Checkpoint {
  const base = checkpoint.size - checkpoint.leaves.length;
  const peaks = checkpoint.peaks.map((peak) => Buffer.from(peak, "base64"));
  const hashes = leaves.map((leaf) => hashLeaf(tenant, leaf));
  const root = rootOf(grow(peaks, base, hashes)).toString("base64");
  return noted(tenant, { ...checkpoint, leaves, root }, effort);
}

function noted(tenant: string, checkpoint: Checkpoint, effort: Effort): Checkpoint {
  const text = noteText(tenant, checkpoint);
  const signature = checkpoint.note.slice(checkpoint.note.lastIndexOf("\n\n") + 1);
  const note =
    effort === "own key"
      ? formatNote(text, originOf(tenant, checkpoint.log), own.publicKey, sign(null, Buffer.from(text), own.privateKey))
      : `${text}${signature}`;
  return { ...checkpoint, note };
}

function last(rows: Rows, chain: { session_id: string; writer: string }): EventRow | undefined {
  return rows.findLast((row) => chainOf(row) === chainOf(chain));
}

const b64 = (hashes: readonly Hash[]): string[] => hashes.map((hash) => hash.toString("base64"));
