import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Clock } from "../base/clock.ts";

/** Remembers what was ended until nothing could use it any more. Kills by others come in through `add` as well. */
export interface EndedSessions {
  /** `until`: milliseconds since the epoch. */
  add(id: string, until: number): void;
  has(id: string): boolean;
}

/**
 * Kept in memory, and in an append-only file where `path` is given, so that a restart forgets nothing.
 * Throws where the file cannot be written: an end that would not last is reported, not swallowed.
 */
export function createEndedSessions(clock: Clock, path?: string): EndedSessions {
  const ended = new Map<string, number>();
  if (path !== undefined && existsSync(path)) {
    for (const line of readFileSync(path, "utf8").split("\n")) {
      const [id, until] = line.split(" ");
      if (id && Number(until) > clock.now()) ended.set(id, Number(until));
    }
    const rest = [...ended].map(([id, until]) => `${id} ${until}\n`).join("");
    writeFileSync(`${path}.new`, rest, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return {
    add(id, until) {
      ended.set(id, Math.max(until, ended.get(id) ?? 0));
      for (const [old, end] of ended) if (end <= clock.now()) ended.delete(old);
      if (path !== undefined) appendFileSync(path, `${id} ${until}\n`, { mode: 0o600, flush: true });
    },
    has: (id) => ended.has(id),
  };
}
