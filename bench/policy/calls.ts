/** What one call costs, in microseconds; `cpu` is what this process's threads spent on it. */
export interface Called {
  p50: number;
  p99: number;
  cpu: number;
}

/**
 * Calls each function again and again, in short turns one after the other, so that whatever else the machine does falls
 * on all of them. p50 and p99 are of all calls, the CPU is the median of the turns. A promise is waited for.
 */
export async function sideBySideCalls<K extends string>(
  calls: Readonly<Record<K, () => unknown>>,
  options: { turns: number; milliseconds: number },
): Promise<Record<K, Called>> {
  const entries = Object.entries(calls) as [K, () => unknown][];
  const times = new Map<K, number[]>(entries.map(([name]) => [name, []]));
  const cpus = new Map<K, number[]>(entries.map(([name]) => [name, []]));
  for (const [, call] of entries) await turn(call, options.milliseconds, []);
  for (let i = 0; i < options.turns; i++) {
    for (const [name, call] of entries) {
      cpus.get(name)?.push(await turn(call, options.milliseconds, times.get(name) ?? []));
    }
  }
  return Object.fromEntries(
    entries.map(([name]) => {
      const sorted = (times.get(name) ?? []).sort((a, b) => a - b);
      const cpu = (cpus.get(name) ?? []).sort((a, b) => a - b);
      const at = (list: readonly number[], share: number): number =>
        list[Math.floor(list.length * share)] ?? Number.NaN;
      return [name, { p50: at(sorted, 0.5), p99: at(sorted, 0.99), cpu: at(cpu, 0.5) }];
    }),
  ) as Record<K, Called>;
}

/** One turn; answers the microseconds of CPU of a call. */
async function turn(call: () => unknown, milliseconds: number, times: number[]): Promise<number> {
  const end = performance.now() + milliseconds;
  const before = process.cpuUsage();
  let calls = 0;
  for (let now = performance.now(); now < end; calls++) {
    const result = call();
    if (result instanceof Promise) await result;
    const then = performance.now();
    times.push((then - now) * 1000);
    now = then;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}
