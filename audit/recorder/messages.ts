import type { EventDraft } from "../event.ts";
import type { EvidenceStatus } from "../evidence/checkpoint.ts";
import type { Position } from "../spool/segments.ts";
import type { Retention } from "../store/retention.ts";
import type { Question, QuestionAnswer, StoreLocation } from "../store/store.ts";
import type { CheckpointOptions } from "./checkpoints.ts";

/** A draft as it crosses to the worker: contents are ranges of the batch's one buffer. */
export type WireDraft = Omit<EventDraft, "request_content" | "response_content" | "input" | "input_facts"> & {
  /** [offset, length] */
  request?: [number, number];
  response?: [number, number];
  facts?: [number, number];
  /** Index in the batch's `inputs`. */
  inputAt?: number;
};

/** A part of a content that comes in parts; without a range, the end of one that nobody finishes. */
export interface WirePart {
  stream: string;
  offset: number;
  /** [offset, length] */
  range?: [number, number];
}

export interface WorkerOptions {
  tenant: string;
  writer: string;
  /** Writers of this process before this one. */
  earlier: readonly string[];
  spool: { path: string; maxBytes: number; onFull: "refuse" | "continue" };
  /** Where this thread says how far it came (progress.ts). */
  progress: SharedArrayBuffer;
  /** Where the thread before this one came to, which ended by itself. */
  cut: Position | undefined;
  store: StoreLocation;
  retention?: Retention | undefined;
  /** File of the key that signs checkpoints now. */
  checkpointKey?: string | undefined;
  /** Files of those that signed before it. */
  formerKeys?: readonly string[] | undefined;
  /** When retention first looks for what has passed its time; ten minutes where absent. */
  expiryFirstMs?: number | undefined;
  checkpoints?: CheckpointOptions | undefined;
}

/**
 * Hot thread → worker. `drafts` is a JSON array of WireDraft and WirePart: one string crosses cheaper than forty objects are
 * cloned (0.9 against 1.4 µs an event, and less to unpack), and what JSON cannot say never reaches the record.
 */
export type ToWorker =
  | {
      type: "events";
      batch: number;
      drafts: string;
      /** JSON texts that cross as they are: inside `drafts` each of their quotes would be escaped and read again. */
      inputs: readonly string[];
      content: ArrayBuffer | undefined;
      durable: boolean;
    }
  | { type: "flush"; id: number; toStore: boolean }
  | { type: "query"; id: number; sql: string; params: Record<string, unknown>; options: { readonly maxRows?: number } }
  /** A person's own SQL. */
  | { type: "ask"; id: number; question: Question }
  /** Answered with the newest tree head as JSON, or null. */
  | { type: "checkpoint"; id: number }
  | { type: "close"; id: number };

/** Worker → hot thread. */
export type FromWorker =
  | { type: "ready" }
  /** The worker cannot start: for the person who started the gateway. */
  | { type: "unstartable"; message: string; next: string | undefined }
  /** All batches up to this one are on disk. */
  | { type: "synced"; batch: number }
  /** Why nothing reaches the disk, or undefined: it does again. */
  | { type: "failing"; reason: string | undefined }
  /** What changed of it. */
  | { type: "evidence"; status: EvidenceStatus }
  | { type: "log"; level: "info" | "warn" | "error"; message: string; fields: Record<string, unknown> }
  | {
      type: "reply";
      id: number;
      text?: string;
      answer?: QuestionAnswer;
      error?: string;
      /** ClickHouse's number of the error, where it is one of the question. */
      code?: number;
    };
