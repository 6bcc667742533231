import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  rmSync,
  truncateSync,
  writevSync,
} from "node:fs";
import { errorMessage } from "../../base/errors.ts";
import { isEvent } from "./frame.ts";
import { listSegments, type Position, segmentPath } from "./segments.ts";

export interface SpoolOptions {
  path: string;
  /** The most that may lie unshipped, in bytes. */
  maxBytes: number;
  /** New segments are numbered above this: where the shipper stood, though all segments may be gone. */
  after: number;
  /**
   * A thread of this very process wrote up to here and ended: what lies beyond is cut off, since it is handed over
   * again. Undefined where another process wrote: then all that is whole counts.
   */
  cut?: Position | undefined;
}

interface Open {
  fd: number;
  segment: number;
  written: number;
  synced: number;
}

/**
 * The record on disk: segment files that are only appended to, each process start beginning a new one. Frames are
 * kept in memory until `fdatasync` has returned. When a write or a sync fails, the segment is cut back to what was
 * synced and left for good (after a failed fsync the page cache proves nothing), and all that was not synced is
 * written again to the next one, in the same order.
 */
export class Spool {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #sizes = new Map<number, number>();
  /** Segments whose tail could not be cut off: what lies beyond this offset was written again. */
  readonly #ends = new Map<number, number>();
  #pending: Buffer[] = [];
  #unwritten = 0;
  #pendingBytes = 0;
  #taken = 0;
  #written = 0;
  #settled = 0;
  #totalBytes = 0;
  #open: Open | undefined;
  #next: number;
  #failure: string | undefined;
  #end: Position;
  /** The newest segment that an earlier process left, or 0. */
  readonly inherited: number;

  constructor(options: SpoolOptions) {
    this.#folder = options.path;
    this.#maxBytes = options.maxBytes;
    this.#segmentBytes = Math.min(16 * 1024 * 1024, Math.max(64 * 1024, Math.floor(options.maxBytes / 8)));
    if (options.cut !== undefined) cutAt(this.#folder, options.cut);
    for (const { segment, bytes } of listSegments(this.#folder)) {
      this.#sizes.set(segment, bytes);
      this.#totalBytes += bytes;
    }
    this.inherited = Math.max(0, ...this.#sizes.keys());
    this.#next = Math.max(this.inherited, options.after) + 1;
    this.#end = { segment: this.inherited, offset: this.#sizes.get(this.inherited) ?? 0 };
  }

  /** Why the last attempt to put something on disk failed, until one succeeds. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Whether more than `factor` times the limit would lie unshipped. What is too large by itself is let in alone. */
  full(factor = 1): boolean {
    return this.#totalBytes > 0 && this.#totalBytes + this.#pendingBytes > this.#maxBytes * factor;
  }

  /** Where what was written ends; before that, after a failed write, what was synced. */
  get end(): Position {
    return this.#end;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** How many events it was given. */
  get taken(): number {
    return this.#taken;
  }

  /** How many of them lie before `end`. */
  get written(): number {
    return this.#written;
  }

  /** And how many of those will not be cut off again. */
  get settled(): number {
    return this.#settled;
  }

  /** Takes a frame; it is on disk once `sync` has returned true. */
  add(frame: Buffer): void {
    this.#pending.push(frame);
    this.#pendingBytes += frame.byteLength;
    if (isEvent(frame)) this.#taken++;
  }

  /** Hands what was taken to the operating system. Never throws: see `failure`. */
  write(): boolean {
    return this.#attempt(false);
  }

  /** As `write`, and makes it last. */
  sync(): boolean {
    return this.#attempt(true);
  }

  /** Says why nothing more may be taken, without trying: the spool is over its limit. */
  refuse(reason: string): void {
    this.#failure = reason;
  }

  /** Up to where `segment` may be read: undefined is to its end. */
  readableEnd(segment: number): number | undefined {
    return this.#open?.segment === segment ? this.#open.synced : this.#ends.get(segment);
  }

  /** Bytes of a segment that are on disk, as far as is known. */
  sizeOf(segment: number): number {
    return this.#sizes.get(segment) ?? 0;
  }

  isOpen(segment: number): boolean {
    return this.#open?.segment === segment;
  }

  /** The first segment at or after `from`, if there is one. */
  firstFrom(from: number): number | undefined {
    let first: number | undefined;
    for (const segment of this.#sizes.keys()) {
      if (segment >= from && (first === undefined || segment < first)) first = segment;
    }
    return first;
  }

  /** Removes segments that were shipped whole. `position` is where the shipper stands. */
  release(position: Position): void {
    const open = this.#open;
    if (open !== undefined && this.full(0.5) && position.segment === open.segment && position.offset === open.written) {
      this.#seal();
    }
    for (const [segment, bytes] of this.#sizes) {
      const whole = segment < position.segment || (segment === position.segment && position.offset >= bytes);
      if (!whole || this.isOpen(segment)) continue;
      rmSync(segmentPath(this.#folder, segment), { force: true });
      this.#sizes.delete(segment);
      this.#ends.delete(segment);
      this.#totalBytes -= bytes;
    }
  }

  close(): void {
    if (this.#open !== undefined) this.#seal();
  }

  #attempt(sync: boolean): boolean {
    try {
      this.#write();
    } catch (error) {
      this.#failure = errorMessage(error);
      this.#salvage();
      this.#abandon();
      return false;
    }
    try {
      if (sync) this.#settle();
      this.#failure = undefined;
      return true;
    } catch (error) {
      this.#failure = errorMessage(error);
      this.#abandon();
      return false;
    }
  }

  /** Makes last what was written. */
  #settle(): void {
    const open = this.#open;
    if (open === undefined || open.synced === open.written) return;
    // A segment that somebody removed still takes writes, and nobody will ever read them.
    if (fstatSync(open.fd).nlink === 0) throw new Error(`segment ${open.segment} was removed from ${this.#folder}`);
    fdatasyncSync(open.fd);
    const settled = open.written - open.synced;
    open.synced = open.written;
    this.#settled = this.#written;
    this.#sizes.set(open.segment, open.synced);
    this.#totalBytes += settled;
    this.#pending = this.#pending.slice(this.#unwritten);
    this.#unwritten = 0;
    this.#pendingBytes -= settled;
    if (open.synced >= this.#segmentBytes) this.#seal();
  }

  /**
   * Keeps what was written whole before the disk was full. What waits in memory may need more room than there will ever
   * be at once: it goes in parts, each let go once it was shipped.
   */
  #salvage(): void {
    const open = this.#open;
    if (open === undefined) return;
    try {
      ftruncateSync(open.fd, open.written);
      this.#settle();
    } catch (error) {
      this.#failure = `${this.#failure}; and what was written before could not be kept: ${errorMessage(error)}`;
    }
  }

  #write(): void {
    if (this.#unwritten === this.#pending.length) return;
    const open = this.#open ?? this.#start();
    while (this.#unwritten < this.#pending.length) {
      const batch = this.#pending.slice(this.#unwritten, this.#unwritten + 512); // IOV_MAX is 1024
      const bytes = batch.reduce((sum, frame) => sum + frame.byteLength, 0);
      let done = writevSync(open.fd, batch);
      if (done === 0) throw new Error("the file system took no bytes");
      if (done < bytes) {
        // A short write is how a full disk announces itself; the next attempt gives the reason.
        const rest = Buffer.concat(batch).subarray(done);
        const more = writevSync(open.fd, [rest]);
        done += more;
        if (done < bytes) throw new Error("the file system took only part of a write");
      }
      open.written += done;
      this.#unwritten += batch.length;
      for (const frame of batch) if (isEvent(frame)) this.#written++;
    }
    this.#end = { segment: open.segment, offset: open.written };
  }

  #start(): Open {
    const segment = this.#next;
    const fd = openSync(segmentPath(this.#folder, segment), "wx", 0o600);
    this.#next++;
    this.#sizes.set(segment, 0);
    this.#open = { fd, segment, written: 0, synced: 0 };
    const folder = openSync(this.#folder, "r");
    try {
      fsyncSync(folder); // else a crash of the machine may lose the file's name, fdatasync or not
    } finally {
      closeSync(folder);
    }
    return this.#open;
  }

  #seal(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) closeSync(open.fd);
  }

  #abandon(): void {
    const open = this.#open;
    this.#unwritten = 0;
    this.#written = this.#settled;
    if (open === undefined) return;
    this.#open = undefined;
    this.#end = { segment: open.segment, offset: open.synced };
    this.#ends.set(open.segment, open.synced);
    this.#sizes.set(open.segment, open.synced);
    try {
      ftruncateSync(open.fd, open.synced);
      closeSync(open.fd);
      if (open.synced === 0) {
        rmSync(segmentPath(this.#folder, open.segment), { force: true });
        this.#sizes.delete(open.segment);
        this.#ends.delete(open.segment);
      }
    } catch (error) {
      // The disk is ill, which `failure` already says; `#ends` keeps readers from the tail.
      this.#failure = `${this.#failure}; and its tail could not be cut off: ${errorMessage(error)}`;
    }
  }
}

function cutAt(folder: string, { segment: last, offset }: Position): void {
  for (const { segment, bytes } of listSegments(folder)) {
    if (segment > last) rmSync(segmentPath(folder, segment));
    else if (segment === last && bytes > offset) truncateSync(segmentPath(folder, segment), offset);
  }
}
