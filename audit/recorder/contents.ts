import { createHash, type Hash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { sha256 } from "../../base/digest.ts";
import { encodeFrame, type Frame } from "../spool/frame.ts";
import type { StoredBody } from "../store/store.ts";

/** A content is kept in parts of so many bytes: what reads it, ships it or checks it holds one of them. */
export const PART_BYTES = 1024 * 1024;
/** What is smaller is not worth its 20 µs. */
const COMPRESSED_FROM = 1024;
/** Of the answers of an API server level 1 leaves no more than 3 does, at a fifth of the cost [1.3 ms a MiB]. */
const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Digests of contents that were spooled lately: the same manifest again is not written again. */
const REMEMBERED = 4096;
/**
 * And not for long: whoever lets contents go (audit/store/retention.ts) leaves what was stored within the last day. Another
 * gateway may do it, which cannot ask this one.
 */
const REMEMBERED_MS = 3_600_000;
/** Contents that come in parts at a time, at most: the data path has fewer, and abandons what it does not finish. */
const MAX_OPEN = 10_000;

interface Open {
  hash: Hash;
  bytes: number;
  parts: string[];
  /** A part is missing: the whole can no longer be said. */
  broken: boolean;
}

/**
 * Contents on their way to the spool: each once under its SHA-256, in parts where it is large, compressed where that
 * helps. A list names the SHA-256 of the whole (32 bytes), its size (u64 LE) and those of its parts (32 bytes each);
 * it comes after them, so that whoever has it has them.
 */
export class Contents {
  readonly #recent = new Set<string>();
  #recentSince = performance.now();
  /** What was named since `watch`. */
  #named: Set<string> | undefined;
  readonly #open = new Map<string, Open>();
  /** While true, contents are left out: the spool is over its limit and policy is to go on with metadata. */
  leaveOut = false;
  /** Contents left out since it became true. */
  leftOut = 0;

  /** From now until `unwatch`, `named` knows what was named: what is looked for meanwhile may be in nobody's event yet. */
  watch(): void {
    this.#recent.clear();
    this.#named = new Set([...this.#open.values()].flatMap(({ parts }) => parts));
  }

  unwatch(): void {
    this.#named = undefined;
  }

  named(digest: string): boolean {
    return this.#named?.has(digest) === true;
  }

  /** Adds the frames of a content, and returns its SHA-256; "" where it is empty or left out. */
  keep(bytes: Buffer, frames: Buffer[]): string {
    if (bytes.length === 0) return "";
    if (this.leaveOut) {
      this.leftOut++;
      return "";
    }
    if (bytes.length <= PART_BYTES) return this.#part(bytes, frames);
    const whole = sha256(bytes);
    if (this.#knows(whole)) return whole;
    const parts: string[] = [];
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      parts.push(this.#part(bytes.subarray(at, at + PART_BYTES), frames));
    }
    this.#list(whole, bytes.length, parts, frames);
    return whole;
  }

  /** Adds the next part of the content `stream`, which begins at byte `offset` of it. */
  part(stream: string, offset: number, bytes: Buffer, frames: Buffer[]): void {
    const open = this.#open.get(stream) ?? this.#begin(stream);
    if (open.broken) return;
    if (this.leaveOut || offset !== open.bytes) {
      if (this.leaveOut) this.leftOut++;
      open.broken = true;
      open.parts = [];
      return;
    }
    open.hash.update(bytes);
    open.bytes += bytes.length;
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      open.parts.push(this.#part(bytes.subarray(at, at + PART_BYTES), frames));
    }
  }

  /**
   * The SHA-256 of the whole of `stream`, of which all `size` bytes have come, and which is forgotten now. Undefined
   * where a part is missing: the thread that had it ended, or it was left out.
   */
  finish(stream: string, size: number, frames: Buffer[]): string | undefined {
    const open = this.#open.get(stream);
    this.#open.delete(stream);
    if (open === undefined || open.broken || open.bytes !== size) return undefined;
    const whole = open.hash.digest("hex");
    if (open.parts.length > 1 && !this.#knows(whole)) this.#list(whole, size, open.parts, frames);
    return whole;
  }

  /** Nobody will finish `stream`. Its parts stay; no event names them. */
  abandon(stream: string): void {
    this.#open.delete(stream);
  }

  #begin(stream: string): Open {
    const [oldest] = this.#open.keys();
    if (this.#open.size >= MAX_OPEN && oldest !== undefined) this.#open.delete(oldest);
    const open: Open = { hash: createHash("sha256"), bytes: 0, parts: [], broken: false };
    this.#open.set(stream, open);
    return open;
  }

  #part(bytes: Buffer, frames: Buffer[]): string {
    const digest = sha256(bytes);
    if (this.#knows(digest)) return digest;
    this.#remember(digest);
    const name = Buffer.from(digest, "hex");
    const small = bytes.length < COMPRESSED_FROM ? bytes : zstdCompressSync(bytes, FASTEST);
    if (small.length < bytes.length) frames.push(encodeFrame("compressed body", [name, small]));
    else frames.push(encodeFrame("body", [name, bytes]));
    return digest;
  }

  #list(whole: string, size: number, parts: readonly string[], frames: Buffer[]): void {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(size));
    const names = parts.map((part) => Buffer.from(part, "hex"));
    frames.push(encodeFrame("list", [Buffer.from(whole, "hex"), length, ...names]));
    this.#remember(whole);
  }

  #knows(digest: string): boolean {
    this.#named?.add(digest);
    if (performance.now() - this.#recentSince > REMEMBERED_MS) {
      this.#recent.clear();
      this.#recentSince = performance.now();
    }
    return this.#recent.has(digest);
  }

  #remember(digest: string): void {
    if (this.#recent.size >= REMEMBERED) this.#recent.clear();
    this.#recent.add(digest);
  }
}

/**
 * What a frame of the spool says of a content, for the store; undefined for an event. Throws where a checksum holds
 * and the frame is none of ours all the same.
 */
export function storedBody(tenant: string, { type, payload }: Frame): StoredBody | undefined {
  if (type === "event") return undefined;
  const body = { tenant, sha256: payload.toString("hex", 0, 32) };
  if (type === "body") return { ...body, content: payload.subarray(32) };
  if (type === "compressed body") {
    return { ...body, content: zstdDecompressSync(payload.subarray(32), { maxOutputLength: PART_BYTES }) };
  }
  const chunks: string[] = [];
  for (let at = 40; at < payload.length; at += 32) chunks.push(payload.toString("hex", at, at + 32));
  return { ...body, content: Buffer.alloc(0), size: Number(payload.readBigUInt64LE(32)), chunks };
}
