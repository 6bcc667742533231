import type { Position } from "../spool/segments.ts";

/** How far a recorder's thread came, as the thread that outlives it can see. */
export interface Progress {
  /** All batches up to this one are in the spool's files. */
  batch: number;
  /** And so many events of the one after it: a disk that is full takes a part of what it is given. */
  events: number;
  /** Where they end. What lies beyond was being written when the thread ended. */
  end: Position;
}

const SLOTS = 4;

/** Memory for one thread's progress. */
export function newProgress(): SharedArrayBuffer {
  // Which of two slots holds, then both: one is written while the other is read.
  return new SharedArrayBuffer((1 + 2 * SLOTS) * BigInt64Array.BYTES_PER_ELEMENT);
}

export function writeProgress(memory: SharedArrayBuffer, { batch, events, end }: Progress): void {
  const words = new BigInt64Array(memory);
  const slot = Atomics.load(words, 0) === 1n ? 2 : 1;
  const at = 1 + (slot - 1) * SLOTS;
  for (const [i, value] of [batch, events, end.segment, end.offset].entries()) words[at + i] = BigInt(value);
  Atomics.store(words, 0, BigInt(slot));
}

/** Undefined where the thread ended before it had opened its spool. */
export function readProgress(memory: SharedArrayBuffer): Progress | undefined {
  const words = new BigInt64Array(memory);
  const slot = Number(Atomics.load(words, 0));
  if (slot === 0) return undefined;
  const at = 1 + (slot - 1) * SLOTS;
  const [batch = 0, events = 0, segment = 0, offset = 0] = Array.from(words.subarray(at, at + SLOTS), Number);
  return { batch, events, end: { segment, offset } };
}
