/**
 * What time the code under test takes, and not the machine: a wall clock counts also what others run meanwhile, and a
 * machine that stands still for two seconds is no failure of ours.
 */

/** CPU milliseconds of this thread since the call: for work that never waits. */
export function cpuTime(): () => number {
  const started = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(started);
    return (user + system) / 1_000;
  };
}

const TICK_MS = 20;
const LONGEST_MS = 5 * TICK_MS;

/**
 * Milliseconds since the call in which this thread's event loop turned: for work that waits, on timers or on others.
 * What keeps it from turning for longer than 100 ms counts as 100 ms.
 */
export function awakeTime(): () => number {
  let awake = 0;
  let last = performance.now();
  const look = (): number => {
    const now = performance.now();
    awake += Math.min(now - last, LONGEST_MS);
    last = now;
    return awake;
  };
  const ticker = setInterval(look, TICK_MS).unref();
  return () => {
    clearInterval(ticker);
    return look();
  };
}
