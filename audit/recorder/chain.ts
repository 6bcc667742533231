import { createHash, hash as digestOf } from "node:crypto";
import type { EventDraft, EventRow } from "../event.ts";
import type { Leaf } from "../evidence/checkpoint.ts";

/** `prev_hash` of the first event of each chain. */
export const GENESIS = "0".repeat(64);
/** DateTime64(6) ends in 2299: a row that the store refuses would hold up all that come after it. */
const LATEST_MS = Date.UTC(2299, 0, 1);
/** About 20 MB of heads; past it all chains are begun again under a new writer. */
const MAX_CHAINS = 100_000;

/** What is hashed is put together here: a string that is joined, or a hash that is fed twice, costs twice as much. */
const scratch = Buffer.allocUnsafe(65_536);

/**
 * SHA-256(prev_hash ‖ body) as lower-case hex (contracts §6). `body` is the canonical JSON (RFC 8785) of all columns
 * but `prev_hash` and `hash`; prev_hash is its 64 hex digits.
 */
export function chainHash(prevHash: string, body: string): string {
  return hashed(prevHash, body).hash;
}

/** As `chainHash`, with the bytes of `body`, which are overwritten by the next call. */
function hashed(prevHash: string, body: string): { hash: string; bytes: Buffer } {
  // UTF-8 has at most three bytes for each UTF-16 unit.
  if ((prevHash.length + body.length) * 3 > scratch.length) {
    const bytes = Buffer.from(body);
    return { hash: createHash("sha256").update(prevHash).update(bytes).digest("hex"), bytes };
  }
  const begin = scratch.write(prevHash, 0);
  const end = begin + scratch.write(body, begin);
  return { hash: digestOf("sha256", scratch.subarray(0, end)), bytes: scratch.subarray(begin, end) };
}

let second = Number.NaN;
let secondText = "";

/** `2026-11-22 10:00:00.123456`, from milliseconds since the epoch with a fraction. */
export function timestamp(ms: number): string {
  const micros = Math.floor(ms * 1000);
  const seconds = Math.floor(micros / 1e6);
  if (seconds !== second) {
    const iso = new Date(seconds * 1000).toISOString();
    secondText = `${iso.slice(0, 10)} ${iso.slice(11, 19)}.`;
    second = seconds;
  }
  return secondText + String(micros - seconds * 1e6).padStart(6, "0");
}

export interface RowInput {
  draft: EventDraft;
  /** Canonical JSON. */
  payload: string;
  /** SHA-256 of the contents kept, or "". */
  requestBody: string;
  responseBody: string;
}

/** A row as one line of JSON (no line end). */
export interface Chained {
  readonly line: string;
  hash: string;
  /** The same line in UTF-8, to be put together; overwritten by the next event. */
  parts: readonly Buffer[];
}

/** The heads of the chains of one writer: (session_id, writer) is a chain, and `seq` counts from 1 without gaps. */
export class Chains {
  readonly #tenant: string;
  readonly #heads = new Map<string, { seq: number; hash: string; signed: number }>();
  /** Heads of the writer before this one that no checkpoint has yet. */
  #left: Leaf[] = [];
  #writer: string;
  readonly #newWriter: () => string;
  #earlier: string[];

  /** `earlier`: writers of this process before this one. */
  constructor(options: { tenant: string; writer: string; newWriter: () => string; earlier?: readonly string[] }) {
    this.#tenant = options.tenant;
    this.#writer = options.writer;
    this.#earlier = [...(options.earlier ?? [])];
    this.#newWriter = options.newWriter;
  }

  get writer(): string {
    return this.#writer;
  }

  /** All writers of this process, this one last. */
  get writers(): string[] {
    return [...this.#earlier, this.#writer];
  }

  /** The next event of its session's chain. */
  next(input: RowInput): Chained {
    const { draft } = input;
    if (this.#heads.size >= MAX_CHAINS && !this.#heads.has(draft.session_id)) {
      // Forgetting one head would make that chain start again at 1; a new writer starts all of them again, lawfully.
      this.#left = this.moved();
      this.#heads.clear();
      this.#earlier.push(this.#writer);
      this.#writer = this.#newWriter();
    }
    const head = this.#heads.get(draft.session_id);
    const seq = (head?.seq ?? 0) + 1;
    const prevHash = head?.hash ?? GENESIS;
    const body = rowBody(this.#tenant, this.#writer, seq, input);
    const { hash, bytes } = hashed(prevHash, body);
    if (head === undefined) this.#heads.set(draft.session_id, { seq, hash, signed: 0 });
    else {
      head.seq = seq;
      head.hash = hash;
    }
    const hashes = `,"hash":"${hash}","prev_hash":"${prevHash}"}`;
    return {
      get line() {
        return body.slice(0, -1) + hashes;
      },
      hash,
      parts: [bytes.subarray(0, -1), Buffer.from(hashes, "latin1")],
    };
  }

  /** Where the chain of a session stands; seq 0 before its first event. */
  head(session_id: string): Leaf {
    const { seq, hash } = this.#heads.get(session_id) ?? { seq: 0, hash: GENESIS };
    return { session_id, writer: this.#writer, seq, hash };
  }

  /** The heads of all chains of this writer. */
  all(): Leaf[] {
    return [...this.#heads].map(([session_id, { seq, hash }]) => ({ session_id, writer: this.#writer, seq, hash }));
  }

  /** The heads of the chains that moved since `signed` was told of them: what the next checkpoint covers. */
  moved(): Leaf[] {
    const moved = [...this.#left];
    for (const [session_id, { seq, hash, signed }] of this.#heads) {
      if (seq > signed) moved.push({ session_id, writer: this.#writer, seq, hash });
    }
    return moved;
  }

  signed(leaves: readonly Leaf[]): void {
    const taken = new Set(leaves);
    this.#left = this.#left.filter((leaf) => !taken.has(leaf));
    for (const { session_id, writer, seq } of leaves) {
      const head = this.#heads.get(session_id);
      if (head !== undefined && writer === this.#writer) head.signed = Math.max(head.signed, seq);
    }
  }
}

/** Text that ClickHouse and JSON both hold: no lone surrogates (RFC 8785 §3.2.2.2 has no form for them). */
function text(value: string | undefined): string {
  return value === undefined ? "" : String(value).toWellFormed();
}

function count(value: number | undefined): number {
  return value !== undefined && Number.isSafeInteger(Math.round(value)) && value > 0 ? Math.round(value) : 0;
}

function list(values: readonly string[] | undefined): string[] {
  return values === undefined ? [] : values.map(text);
}

/**
 * Canonical JSON of a row less its hashes. The keys stand in RFC 8785's order already (ASCII), and JSON.stringify
 * writes strings and integers as RFC 8785 §3.2.2 does, so no sorting is needed: a third of the cost.
 */
function rowBody(tenant: string, writer: string, seq: number, input: RowInput): string {
  const { draft } = input;
  const row: Omit<EventRow, "hash" | "prev_hash"> = {
    api_group: text(draft.api_group),
    approval_id: text(draft.approval_id),
    at: timestamp(draft.at_ms >= 0 && draft.at_ms < LATEST_MS ? draft.at_ms : Date.now()),
    break_glass: draft.break_glass === true,
    connection: text(draft.connection),
    digest: text(draft.digest),
    duration_us: count(draft.duration_us),
    effect: text(draft.effect),
    exchange_id: text(draft.exchange_id),
    groups: list(draft.groups),
    issuer: text(draft.issuer),
    kind: draft.kind,
    masked_fields: list(draft.masked_fields),
    name: text(draft.name),
    namespace: text(draft.namespace),
    path: text(draft.path),
    payload: input.payload,
    prompt_id: text(draft.prompt_id),
    record_level: text(draft.record_level),
    request_body: input.requestBody,
    request_bytes: count(draft.request_bytes),
    resource: text(draft.resource),
    response_body: input.responseBody,
    response_bytes: count(draft.response_bytes),
    revision: text(draft.revision),
    rules: list(draft.rules),
    seq,
    session_id: text(draft.session_id),
    source_ip: text(draft.source_ip),
    status: Math.min(count(draft.status), 65_535),
    subresource: text(draft.subresource),
    tenant,
    tool_use_id: text(draft.tool_use_id),
    user_agent: text(draft.user_agent),
    username: text(draft.username),
    verb: text(draft.verb),
    writer,
  };
  return JSON.stringify(row);
}
