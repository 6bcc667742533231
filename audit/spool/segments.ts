import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { decodeFrame, type Frame } from "./frame.ts";

/** Where a reader stands: a segment's number, and bytes from its start. */
export interface Position {
  segment: number;
  offset: number;
}

export function segmentPath(folder: string, segment: number): string {
  return join(folder, `${String(segment).padStart(10, "0")}.seg`);
}

/** The segments of a spool, oldest first, with their sizes. */
export function listSegments(folder: string): { segment: number; bytes: number }[] {
  return readdirSync(folder)
    .filter((name) => /^\d{10}\.seg$/.test(name))
    .map((name) => ({ segment: Number(name.slice(0, 10)), bytes: statSync(join(folder, name)).size }))
    .sort((a, b) => a.segment - b.segment);
}

export interface SegmentRead {
  frames: Frame[];
  /** Just after the last whole frame. */
  offset: number;
  /** Nothing more is to be had below `limit`. */
  done: boolean;
  /** Why the rest of the segment cannot be read, and how many bytes that is. */
  torn?: { why: string; bytes: number };
}

/**
 * Reads whole frames from `offset` up to `limit` (bytes from the segment's start; undefined: to its end), about
 * `want` bytes at most. Throws what the file system throws.
 */
export function readSegment(path: string, offset: number, limit: number | undefined, want: number): SegmentRead {
  const fd = openSync(path, "r");
  try {
    const end = Math.min(limit ?? Number.POSITIVE_INFINITY, fstatSync(fd).size);
    let size = want;
    for (;;) {
      const data = Buffer.allocUnsafe(Math.max(0, Math.min(size, end - offset)));
      let filled = 0;
      while (filled < data.length) {
        const n = readSync(fd, data, filled, data.length - filled, offset + filled);
        if (n === 0) break;
        filled += n;
      }
      const read = parse(data.subarray(0, filled), offset, end);
      if (read.grow === undefined) return read.result;
      size = read.grow;
    }
  } finally {
    closeSync(fd);
  }
}

function parse(data: Buffer, offset: number, end: number): { result: SegmentRead; grow?: number } {
  const frames: Frame[] = [];
  let at = 0;
  for (;;) {
    const remaining = end - offset - at;
    if (remaining <= 0) return { result: { frames, offset: offset + at, done: true } };
    const decoded = decodeFrame(data, at);
    if (decoded.kind === "frame") {
      frames.push(decoded.frame);
      at = decoded.end;
      continue;
    }
    const torn = (why: string) => ({
      result: { frames, offset: offset + at, done: true, torn: { why, bytes: remaining } },
    });
    if (decoded.kind === "torn") return torn(decoded.why);
    if (decoded.bytes > remaining) return torn("the last frame was not written to its end");
    if (frames.length > 0) return { result: { frames, offset: offset + at, done: false } };
    return { result: { frames, offset, done: false }, grow: Math.max(decoded.bytes, data.length * 2) };
  }
}
