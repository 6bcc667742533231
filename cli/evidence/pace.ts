import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReplayLine } from "../../audit/replay.ts";

/** A replay never stands still for longer: an agent that slept for an hour is not watched sleeping. */
const LONGEST_PAUSE_MS = 5000;

/**
 * Holds lines back: until Enter for each event (`step`), or as long as passed between what they tell, `speed` times
 * faster. Within an event, a terminal's output has times of its own.
 */
export async function* pace(
  lines: AsyncIterable<ReplayLine>,
  { speed, step }: { speed: number | undefined; step: boolean },
): AsyncGenerator<ReplayLine> {
  let before: ReplayLine | undefined;
  try {
    for await (const line of lines) {
      if (before !== undefined && step && line.event !== before.event) await enter();
      if (before !== undefined && !step && speed !== undefined) {
        const passed = Math.max(0, line.at - before.at);
        if (passed > 0) await sleep(Math.min(LONGEST_PAUSE_MS, passed / speed));
      }
      before = line;
      yield line;
    }
  } finally {
    process.stdin.pause();
  }
}

async function enter(): Promise<void> {
  if (process.stdin.readableEnded) return; // nobody will press anything any more: show the rest
  process.stdin.resume();
  await Promise.race([once(process.stdin, "data"), once(process.stdin, "end")]);
}
