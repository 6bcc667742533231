/** Events of contracts §6: one row an event, in the table `events`. */
export type EventKind =
  | "session.opened"
  | "session.closed"
  | "session.killed"
  // Legal hold: kept whatever its age, and no more.
  | "session.held"
  | "session.released"
  | "request.refused"
  | "request.intent"
  | "request.outcome"
  // What a candidate policy would have said, where it had not by the time of the outcome.
  | "request.shadow"
  | "outcome.mismatch"
  | "gather"
  | "stream.frame"
  | "stream.closed"
  | "hold.opened"
  | "hold.reattached"
  | "hold.timed_out"
  | "approval.approved"
  | "approval.denied"
  | "approval.expired"
  | "approval.cancelled"
  | "approval.revoked"
  | "approval.consumed"
  | "break_glass.used"
  | "break_glass.reviewed"
  | "policy.loaded"
  | "policy.rejected"
  | "recorder.gap"
  | "recorder.torn"
  // Chains whose time was over (audit.retention).
  | "record.expired"
  | "read"
  | "dialogue.prompt"
  | "dialogue.reply"
  | "dialogue.tool_use"
  | "dialogue.tool_result"
  | "checkpoint";

/** The columns of `events`, all of them. Absent text is "", absent numbers 0, absent lists []. */
export interface EventRow {
  tenant: string;
  session_id: string;
  writer: string;
  seq: number;
  /** `2026-11-22 10:00:00.123456`, UTC, as ClickHouse's DateTime64(6) reads it. */
  at: string;
  kind: EventKind;
  exchange_id: string;
  issuer: string;
  username: string;
  groups: string[];
  connection: string;
  verb: string;
  api_group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  path: string;
  status: number;
  effect: string;
  rules: string[];
  approval_id: string;
  break_glass: boolean;
  masked_fields: string[];
  record_level: string;
  /** `<bundle>/<guardrails>`. */
  revision: string;
  digest: string;
  user_agent: string;
  source_ip: string;
  prompt_id: string;
  tool_use_id: string;
  duration_us: number;
  request_bytes: number;
  response_bytes: number;
  /** SHA-256 of content kept in table `bodies`, or "". */
  request_body: string;
  response_body: string;
  /** Canonical JSON. */
  payload: string;
  prev_hash: string;
  hash: string;
}

/**
 * What the data path hands over: plain fields and Buffers. The recorder's worker adds tenant, writer, seq,
 * time order, digests of bodies and the chain; nothing of that is computed on the hot thread.
 */
export type EventDraft = {
  kind: EventKind;
  session_id: string;
  /** Milliseconds since the epoch, with a fraction where known. */
  at_ms: number;
  /** Contents to keep in `bodies`; the row gets their SHA-256. */
  request_content?: Uint8Array;
  response_content?: Uint8Array;
  /** In place of response_content: it came in parts (`recordPart`), so many bytes of them. */
  response_stream?: { id: string; bytes: number };
  /** Turned into canonical JSON by the worker. */
  payload?: Record<string, unknown>;
  /** Policy's question less its objects, as canonical JSON: the worker splices it into the payload as `input`. */
  input?: string | undefined;
  /** Its objects, to keep in `bodies`: the payload gets their SHA-256 as `facts`. */
  input_facts?: Uint8Array | undefined;
} & Partial<
  Omit<
    EventRow,
    | "tenant"
    | "writer"
    | "seq"
    | "at"
    | "kind"
    | "session_id"
    | "request_body"
    | "response_body"
    | "payload"
    | "prev_hash"
    | "hash"
  >
>;

/** A part of a content that is larger than memory should hold, or that has no end yet. */
export interface ContentPart {
  /** Names the content; the event that has it as `response_stream` comes after its last part. */
  stream: string;
  /** Where in the content the part begins, in bytes: parts follow one another. */
  offset: number;
  /** Best 1 MiB, or what is left at the end. Absent: no event will name this content. */
  bytes?: Uint8Array;
}

/** The gateway's one way to put something on record. */
export interface Recorder {
  /** Hands an event over; it is on disk within 50 ms. Never blocks and never throws: see `health`. */
  record(event: EventDraft): void;
  /** As `record`, and resolves once it is on disk (fdatasync). Rejects with Refusal `recorder-unavailable`. */
  recordDurably(event: EventDraft): Promise<void>;
  /** Takes a part of a content, and resolves once it is on disk. Rejects as `recordDurably` does. */
  recordPart(part: ContentPart): Promise<void>;
  /** Why what must be recorded has to be refused now, or undefined while all is well. Cheap: asked for every request. */
  failure(): string | undefined;
  /** Resolves when all that was handed over is on disk (and, with `toStore`, in ClickHouse). */
  flush(options?: { toStore?: boolean }): Promise<void>;
  close(): Promise<void>;
}
