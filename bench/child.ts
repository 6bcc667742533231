import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program of the bench in a process of its own; it ends when its stdin closes, so with us at the latest. */
export interface Child {
  pid: number;
  /** The first line that it printed: its port. */
  firstLine: string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export async function startChild(script: string, args: readonly string[], firstLine: RegExp = /^\d+$/): Promise<Child> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const line = await Promise.race([lineOf(child, firstLine), exited.then(() => undefined)]);
  if (line === undefined || child.pid === undefined) throw new Error(`${script} did not start`);
  return {
    pid: child.pid,
    firstLine: line,
    stop: async (signal) => {
      if (signal === undefined) child.stdin?.end();
      else child.kill(signal);
      await exited;
    },
  };
}

/** `serve` logs on stderr; the stubs print on stdout. */
async function lineOf(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        if (wanted.test(line)) resolve(line);
        else if (stream === child.stderr && /error/i.test(line)) process.stderr.write(`${line}\n`);
      });
    }
  });
}

/** Resident memory of one process, without its children, in MB (proc(5)). */
export function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes ?? 0) / 1024);
}
