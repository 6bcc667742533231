import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";

/** When a process started, in the kernel's ticks (proc(5), field 22): a pid alone may have been given again. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined; // no such process, or no /proc on this system
  }
}

function alive(pid: number, start: string | undefined): boolean {
  if (pid === process.pid) return false; // an earlier recorder of this process, whose worker ended
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" && start === startOf(pid);
  }
  return start === startOf(pid);
}

/**
 * One process at a time writes to a spool. The lock of a process that is no more is taken over. Throws a UserError
 * that names the holder. Returns the release.
 */
export function lockSpool(folder: string): () => void {
  const path = join(folder, "lock");
  for (let attempt = 0; ; attempt++) {
    try {
      const fd = openSync(path, "wx", 0o600);
      writeSync(fd, JSON.stringify({ pid: process.pid, start: startOf(process.pid) }));
      closeSync(fd);
      return () => unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 2) throw error;
    }
    const holder = readHolder(path);
    if (holder !== undefined && alive(holder.pid, holder.start)) {
      throw new UserError(`the spool ${folder} is in use by process ${holder.pid}`, {
        next: "Stop that gateway first, or give this one a spool of its own (audit.spool.path).",
      });
    }
    unlinkSync(path);
  }
}

function readHolder(path: string): { pid: number; start: string | undefined } | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as { pid?: unknown; start?: unknown };
    if (typeof value.pid !== "number") return undefined;
    return { pid: value.pid, start: typeof value.start === "string" ? value.start : undefined };
  } catch {
    return undefined; // its writer died between creating and writing it
  }
}
