import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReplayLine } from "../../audit/replay.ts";

/** A replay never stands still for longer: an agent that slept for an hour is not watched sleeping. */
const LONGEST_PAUSE_MS = 5000;

/** Holds lines back: until Enter for each event (`step`), or as long as passed between events, `speed` times faster. */
export async function* pace(
  lines: AsyncIterable<ReplayLine>,
  options: { speed: number | undefined; step: boolean },
): AsyncGenerator<ReplayLine> {
  let before: ReplayLine | undefined;
  try {
    for await (const line of lines) {
      if (before !== undefined && line.event !== before.event) {
        if (options.step) await enter();
        else if (options.speed !== undefined) {
          await sleep(Math.min(LONGEST_PAUSE_MS, Math.max(0, line.at - before.at) / options.speed));
        }
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
