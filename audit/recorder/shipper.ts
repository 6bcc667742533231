import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../base/errors.ts";
import { FRAME_HEADER, type Frame } from "../spool/frame.ts";
import { type Position, readSegment, type SegmentRead, segmentPath } from "../spool/segments.ts";
import type { Spool } from "../spool/spool.ts";
import type { RowBatch, Store, StoredBody } from "../store/store.ts";
import { storedBody } from "./contents.ts";

const MAX_ROWS = 10_000;
const READ_BYTES = 24 * 1024 * 1024;
/** Contents of so many bytes make a batch: compressed ones may be a thousand times what they are in the spool. */
const CONTENT_BYTES = 8 * 1024 * 1024;
/** A backlog of this many goes at once; fewer wait for company this long since the last shipment. */
const FEW = 1000;
const PAUSE_MS = 250;

interface Batch {
  lines: Buffer[];
  bodies: StoredBody[];
  end: Position;
  torn: { segment: number; offset: number; why: string; bytes: number } | undefined;
}

export interface ShipperOptions {
  folder: string;
  /** Where an earlier process stood. */
  position: Position;
  tenant: string;
  spool: Spool;
  store: Store;
  /** A segment ends before it should: everything before is shipped. */
  onTorn(tear: { segment: number; offset: number; bytes: number; why: string }): void;
  /** Room was made in the spool. */
  onReleased(): void;
  log(level: "info" | "warn" | "error", message: string, fields: Record<string, unknown>): void;
}

/**
 * Brings the spool to the store, in order, one batch at a time. `shipped.json` says up to where the store has all;
 * it may lag behind (it is written after the store's answer, and not synced). So whatever an earlier process left,
 * and any batch whose insert failed, is first asked for in the store, row by row, and only what is missing is sent:
 * exactly once as far as a reader can tell. Against a server that still commits a batch which timed out here, the
 * batch's token is the second line.
 */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #stop = new AbortController();
  #position: Position;
  #wake: (() => void) | undefined;
  #hurry = 0;
  #caughtUp: (() => void)[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #loop: Promise<void> | undefined;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#position = options.position;
  }

  get position(): Position {
    return this.#position;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Something was synced. */
  notify(): void {
    this.#wake?.();
  }

  /** Resolves when all that is synced now is in the store. */
  async drain(): Promise<void> {
    this.#hurry++;
    try {
      await new Promise<void>((resolve) => {
        this.#caughtUp.push(resolve);
        this.#wake?.();
      });
    } finally {
      this.#hurry--;
    }
  }

  /** Runs `work` while no batch is on its way to the store. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {}); // whoever asked for it hears of it
    return done;
  }

  /** Stops after the batch in flight. What was not shipped stays in the spool. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    let doubt = false;
    let batch: Batch | undefined;
    while (!signal.aborted) {
      try {
        batch ??= this.#read();
        if (batch === undefined) {
          for (const resolve of this.#caughtUp.splice(0)) resolve();
          await this.#idle();
          continue;
        }
        if (batch.lines.length < FEW && this.#hurry === 0 && failures === 0) {
          await this.#pause();
          batch = this.#read();
          if (batch === undefined) continue;
        }
        const next = batch;
        const doubted = doubt || this.#isInherited();
        await this.exclusively(() => this.#ship(next, doubted));
        this.#position = batch.end;
        batch = undefined;
        doubt = false;
        if (failures > 0) this.#options.log("info", "the store takes events again", {});
        failures = 0;
      } catch (error) {
        // The same rows again, once it is known which of them arrived.
        doubt = true;
        failures++;
        this.#options.log(
          failures % 20 === 1 ? "error" : "info",
          "events could not be stored; they stay in the spool",
          {
            reason: errorMessage(error),
          },
        );
        await sleep(Math.min(5000, 50 * 2 ** Math.min(failures, 8)), undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Whether what comes next was written by an earlier process, which may have shipped it. */
  #isInherited(): boolean {
    const { inherited } = this.#options.spool;
    return inherited > 0 && this.#position.segment <= inherited;
  }

  async #ship(batch: Batch, doubt: boolean): Promise<void> {
    const { store, spool, folder } = this.#options;
    if (batch.bodies.length > 0) await store.insertBodies(batch.bodies);
    const lines = doubt ? await missing(store, batch.lines) : batch.lines;
    if (lines.length > 0) await store.insert({ lines, token: tokenOf(lines) } satisfies RowBatch);
    if (batch.torn !== undefined) this.#options.onTorn(batch.torn);
    // First: on a full disk the position can be written once there is room. Without it more is asked for in the store.
    spool.release(batch.end);
    try {
      writePosition(folder, batch.end);
    } catch (error) {
      this.#options.log("warn", "where the store stands could not be written down", { reason: errorMessage(error) });
    }
    this.#options.onReleased();
  }

  /** The next batch, or undefined when all that is synced was read. */
  #read(): Batch | undefined {
    const { spool, tenant } = this.#options;
    const lines: Buffer[] = [];
    const bodies: StoredBody[] = [];
    let at = this.#position;
    let bytes = 0;
    let contentBytes = 0;
    let torn: Batch["torn"];
    while (lines.length < MAX_ROWS && bytes < READ_BYTES && contentBytes < CONTENT_BYTES && torn === undefined) {
      const segment = spool.firstFrom(at.segment);
      if (segment === undefined) break;
      if (segment !== at.segment) at = { segment, offset: 0 };
      const read = this.#readSegment(segment, at.offset);
      let end = at.offset;
      for (const frame of read.frames) {
        end += FRAME_HEADER + frame.payload.length;
        if (frame.type === "event") lines.push(frame.payload);
        else {
          const body = readBodyFrame(tenant, frame);
          if (body instanceof Error) {
            // By itself: what comes after it is well.
            const size = FRAME_HEADER + frame.payload.length;
            torn = { segment, offset: end - size, bytes: size, why: body.message };
            break;
          }
          bodies.push(body);
          contentBytes += body.content.length;
        }
        if (contentBytes >= CONTENT_BYTES) break;
      }
      bytes += end - at.offset;
      at = { segment, offset: end };
      if (end < read.offset || torn !== undefined) continue;
      if (read.torn !== undefined) torn = { segment, offset: read.offset, ...read.torn };
      if (!read.done) continue;
      if (spool.isOpen(segment)) break;
      at = { segment: segment + 1, offset: 0 };
    }
    const moved = at.segment !== this.#position.segment || at.offset !== this.#position.offset;
    return moved ? { lines, bodies, end: at, torn } : undefined;
  }

  #readSegment(segment: number, offset: number): SegmentRead {
    const { spool, folder } = this.#options;
    try {
      return readSegment(segmentPath(folder, segment), offset, spool.readableEnd(segment), READ_BYTES);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Somebody removed it: what it held is lost, and waiting for it would hold up all that came after.
      const bytes = Math.max(0, spool.sizeOf(segment) - offset);
      const torn = bytes === 0 ? {} : { torn: { why: "the segment is gone", bytes } };
      return { frames: [], offset, done: true, ...torn };
    }
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stop.signal.aborted || this.#caughtUp.length > 0) return resolve();
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** A short wait for more rows, which a drain or a stop cuts short. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, PAUSE_MS);
      const poll = (): void => {
        if (this.#hurry > 0 || this.#stop.signal.aborted) done();
        else this.#wake = poll;
      };
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      poll();
    });
  }
}

/** The content that a frame holds, or why it cannot be had, though its checksum holds. */
function readBodyFrame(tenant: string, frame: Frame): StoredBody | Error {
  try {
    return storedBody(tenant, frame) ?? new Error("a frame is no content");
  } catch (error) {
    return new Error(`a content cannot be read: ${errorMessage(error)}`);
  }
}

/** A row ends with its hash and the one before it: with those of all rows, theirs is the token, at a tenth of the cost. */
const HASHES = `,"hash":"","prev_hash":""}`.length + 128;

function tokenOf(lines: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(line.subarray(-HASHES)).update("\n");
  return hash.digest("hex");
}

interface Key {
  tenant: string;
  session_id: string;
  writer: string;
  seq: number;
}
const keyOf = (row: Key): string => `${row.writer} ${row.seq} ${row.session_id}`;
const chainOf = (row: Key): string => `${row.writer} ${row.session_id}`;

/** Those of `lines` that the store does not have, each once. */
async function missing(store: Store, lines: readonly Buffer[]): Promise<Buffer[]> {
  const byKey = new Map<string, { key: Key; line: Buffer }>();
  for (const line of lines) {
    const key = JSON.parse(line.toString("utf8")) as Key;
    if (!byKey.has(keyOf(key))) byKey.set(keyOf(key), { key, line });
  }
  // Each chain has its own range: of a long chain and a short one together a common range may hold a million events.
  const chains = new Map<string, { key: Key; low: number; high: number }>();
  for (const { key } of byKey.values()) {
    const chain = chains.get(chainOf(key)) ?? { key, low: key.seq, high: key.seq };
    chains.set(chainOf(key), { key, low: Math.min(chain.low, key.seq), high: Math.max(chain.high, key.seq) });
  }
  const ranges = [...chains.values()];
  const distinct = (values: string[]): string[] => [...new Set(values)];
  const chain = "concat(toString(writer), ' ', session_id)";
  const present = await store.query<Key>(
    `SELECT tenant, session_id, writer, seq FROM events
     WHERE tenant IN {tenants:Array(String)} AND session_id IN {sessions:Array(String)} AND writer IN {writers:Array(String)}
       AND seq BETWEEN transform(${chain}, {chains:Array(String)}, {lows:Array(UInt64)}, toUInt64(0))
                   AND transform(${chain}, {chains:Array(String)}, {highs:Array(UInt64)}, toUInt64(0))`,
    {
      tenants: distinct(ranges.map(({ key }) => key.tenant)),
      sessions: distinct(ranges.map(({ key }) => key.session_id)),
      writers: distinct(ranges.map(({ key }) => key.writer)),
      chains: [...chains.keys()],
      lows: ranges.map(({ low }) => low),
      highs: ranges.map(({ high }) => high),
    },
  );
  for (const row of present) byKey.delete(keyOf(row));
  return [...byKey.values()].map(({ line }) => line);
}

const positionFile = (folder: string): string => join(folder, "shipped.json");

/** Up to where the spool in `folder` was shipped, as far as is known. */
export function readPosition(folder: string): Position {
  try {
    const value = JSON.parse(readFileSync(positionFile(folder), "utf8")) as Partial<Position>;
    if (Number.isSafeInteger(value.segment) && Number.isSafeInteger(value.offset)) {
      return { segment: Number(value.segment), offset: Number(value.offset) };
    }
  } catch {
    // None yet, or torn by a crash: all segments are read again, and the store is asked what it has.
  }
  return { segment: 0, offset: 0 };
}

function writePosition(folder: string, position: Position): void {
  const path = positionFile(folder);
  writeFileSync(`${path}.new`, JSON.stringify(position), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
