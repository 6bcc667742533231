import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const TICK_MS = 2_000;
/** Allocated in one tick by a gateway that does nothing: timers, and no request. */
const QUIET_BYTES = 1_000_000;
const TICKS = 2;

/**
 * Gives memory back while nothing happens. V8 keeps the pages that starting, or a burst, once needed: 30 MB of young
 * generation for the life of the process, unless somebody asks for a collection as its last resort. One takes some
 * 30 ms, so it comes when nobody has asked for anything for four seconds, and once for each time of rest. Returns the
 * function that stops it.
 */
export function giveBackMemory(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: { type: "major"; flavor: "last-resort" }) => void;
  setFlagsFromString("--no-expose-gc");
  let before = process.memoryUsage().heapUsed;
  let quiet = 0;
  const timer = setInterval(() => {
    const now = process.memoryUsage().heapUsed;
    quiet = Math.abs(now - before) < QUIET_BYTES ? quiet + 1 : 0;
    before = now;
    if (quiet !== TICKS) return;
    collect({ type: "major", flavor: "last-resort" });
    before = process.memoryUsage().heapUsed;
  }, TICK_MS).unref();
  return () => clearInterval(timer);
}
