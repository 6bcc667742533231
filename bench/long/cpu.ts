import { readdirSync, readFileSync } from "node:fs";

/** Processes that this one started and that still run (proc(5)). */
export function children(): number[] {
  return readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

/** CPU time of this process and its children so far, in milliseconds: what a busy machine does not add to. */
export function cpuMs(): number {
  return [process.pid, ...children()].reduce((sum, pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      return sum + (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return sum; // it ended meanwhile
    }
  }, 0);
}
