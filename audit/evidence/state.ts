import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, UserError } from "../../base/errors.ts";
import { listSegments, readSegment, segmentPath } from "../spool/segments.ts";
import { CHECKPOINT_SESSION, type Leaf, parseCheckpoint, type TreeHead } from "./checkpoint.ts";

/** What the next process on a spool has to know of those before it: `checkpoints.json` beside the segments. */
export interface CheckpointState {
  /** The last checkpoint that anyone made on this spool, and the head of the chain which that event is in. */
  last?: TreeHead | undefined;
  head?: Leaf | undefined;
  /** Writers whose chains may have an end that no checkpoint covers: of this process, or of one that was cut short. */
  writers: string[];
  /** The spool's newest segment when this was written: a later checkpoint can only be in that or after it. */
  segment: number;
}

const fileIn = (folder: string): string => join(folder, "checkpoints.json");
const READ_BYTES = 4 * 1024 * 1024;

/**
 * The state that a spool was left in. The event of a checkpoint is on disk before this file says so; a crash between
 * the two leaves the event in a segment that was not shipped, so those are looked through as well.
 */
export function readState(folder: string): CheckpointState {
  const state = readFile(folder);
  for (const { segment } of listSegments(folder)) {
    if (segment < state.segment) continue;
    for (const leaf of checkpointsIn(folder, segment)) {
      if (leaf.head.writer === state.head?.writer && leaf.head.seq <= state.head.seq) continue;
      state.last = leaf.last;
      state.head = leaf.head;
    }
  }
  return state;
}

export function writeState(folder: string, state: Omit<CheckpointState, "segment">): void {
  const path = fileIn(folder);
  const segment = listSegments(folder).at(-1)?.segment ?? 0;
  writeFileSync(`${path}.new`, JSON.stringify({ ...state, segment }), { mode: 0o600 });
  const fd = openSync(`${path}.new`, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
}

function readFile(folder: string): CheckpointState {
  let text: string;
  try {
    text = readFileSync(fileIn(folder), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { writers: [], segment: 0 };
    throw error;
  }
  try {
    const value = JSON.parse(text) as CheckpointState;
    if (Array.isArray(value.writers) && Number.isSafeInteger(value.segment)) return value;
    throw new TypeError("it is not what the recorder writes");
  } catch (error) {
    // To go on without it would begin a log that follows none: a gap that nobody could tell from a dropped log.
    throw new UserError(`${fileIn(folder)} cannot be read: ${errorMessage(error)}`, {
      next: "Somebody edited it, or the disk did. Take it away to begin a new line of checkpoints; audit verify will say so.",
      cause: error,
    });
  }
}

function* checkpointsIn(folder: string, segment: number): Generator<{ last: TreeHead; head: Leaf }> {
  let offset = 0;
  for (let done = false; !done; ) {
    const read = readSegment(segmentPath(folder, segment), offset, undefined, READ_BYTES);
    for (const { type, payload } of read.frames) {
      if (type !== "event" || !payload.includes(`"kind":"checkpoint"`)) continue;
      const row = JSON.parse(payload.toString("utf8")) as Leaf & { kind: string; payload: string };
      if (row.kind !== "checkpoint" || row.session_id !== CHECKPOINT_SESSION) continue;
      const { session_id, writer, seq, hash } = row;
      const { log, size, root } = parseCheckpoint(row.payload);
      yield { last: { log, size, root }, head: { session_id, writer, seq, hash } };
    }
    offset = read.offset;
    done = read.done;
  }
}
