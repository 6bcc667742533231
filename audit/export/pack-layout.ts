import { UserError } from "../../base/errors.ts";
import type { EventRow } from "../event.ts";
import type { InclusionProof } from "../evidence/checkpoint.ts";

/**
 * How an export lies in a folder or a zip:
 *
 *   manifest.json       PackManifest: whose record, which part of it, and each file's SHA-256
 *   manifest.note       C2SP signed note over the manifest's SHA-256, by the checkpoint key
 *   events.ndjson       rows as the store has them, in the order of their chains
 *   checkpoints.ndjson  of a period: rows of kind `checkpoint`, with their leaves
 *   proofs.ndjson       of a session: PackProof, one a chain
 *   bodies/<sha256>     recorded contents
 *   report.html         for a person
 *
 * A plain NDJSON export is events.ndjson alone.
 */
export const PACK = {
  manifest: "manifest.json",
  note: "manifest.note",
  events: "events.ndjson",
  checkpoints: "checkpoints.ndjson",
  proofs: "proofs.ndjson",
  report: "report.html",
  bodies: "bodies/",
} as const;

export const PACK_API_VERSION = "sallyport.dev/v1alpha1";
export const PACK_KIND = "EvidencePack";

export interface PackFile {
  path: string;
  /** Lower-case hex. */
  sha256: string;
  bytes: number;
}

/** `manifest.json`. Of a session (`session`), or of a period (`since`, `until`: RFC 3339, `until` not included). */
export interface PackManifest {
  apiVersion: typeof PACK_API_VERSION;
  kind: typeof PACK_KIND;
  tenant: string;
  session?: string;
  since?: string;
  until?: string;
  createdAt: string;
  /** What wrote it: `sallyport/<version>`. */
  gateway: string;
  /** All files but the manifest and its note, by path. */
  files: PackFile[];
}

/** A line of `proofs.ndjson`: that the head of a chain which was signed last stands in a checkpoint. */
export type PackProof = InclusionProof;

/** A line of one of a pack's files: what it says, or why it says nothing. `line` counts from 1. */
export type PackLine<T> =
  | { line: number; value: T; problem?: never }
  | { line: number; value?: never; problem: string };

/** A pack or an NDJSON export, opened. Nothing in it is trusted: whoever had it may have edited it. */
export interface OpenPack {
  form: "ndjson" | "folder" | "zip";
  /** Each file's path, and its size as it is claimed. Of a plain export: events.ndjson. */
  files: ReadonlyMap<string, number>;
  /** A file's bytes. Throws a UserError (exit 1) where it is not there, or cannot be unpacked. */
  read(path: string): AsyncIterable<Buffer>;
  /** A whole small file, or undefined where it is not there. */
  small(path: string, maxBytes?: number): Promise<Buffer | undefined>;
  /** `manifest.json`, parsed; undefined where there is none. Throws a UserError (exit 1) where it is no manifest. */
  manifest(): Promise<PackManifest | undefined>;
  events(): AsyncIterable<PackLine<EventRow>>;
  checkpoints(): AsyncIterable<PackLine<EventRow>>;
  proofs(): AsyncIterable<PackLine<PackProof>>;
  close(): Promise<void>;
}

/** Caps of the reader: a pack comes from outside, and a zip's sizes are whatever it says (CWE-409). */
export interface PackLimits {
  files: number;
  /** All files together, unpacked. */
  bytes: number;
  lineBytes: number;
}

// A payload is at most 8 Mi characters; escaped in its row, in UTF-8, that is some 48 MiB.
export const PACK_LIMITS: PackLimits = { files: 200_000, bytes: 1024 ** 4, lineBytes: 64 * 1024 ** 2 };

/** That something is wrong with an export which a person gave. The answer is no: exit 1. */
export function packProblem(message: string, cause?: unknown): UserError {
  return new UserError(message, {
    exitCode: 1,
    next: "Give an export as `sallyport audit export` or `sallyport sessions export` wrote it: NDJSON, a folder or a zip.",
    cause,
  });
}

/** Opens an NDJSON export, a folder or a zip. Throws a UserError where there is none, or where it passes a cap. */
export async function openPack(path: string, limits: Partial<PackLimits> = {}): Promise<OpenPack> {
  const { openPackFiles } = await import("./pack-files.ts");
  const { packOf } = await import("./open-pack.ts");
  const caps = { ...PACK_LIMITS, ...limits };
  return packOf(await openPackFiles(path, caps), caps);
}
