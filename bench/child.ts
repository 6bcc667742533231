import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A program of the bench, in a process of its own. */
export interface Child {
  pid: number;
  /** The line that said that it is ready. */
  ready: string;
  /** Ends it and waits for it; resolves with its exit code, or the signal that ended it. */
  stop(signal: NodeJS.Signals): Promise<number | string>;
}

const START_MS = 60_000;
const stopping = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of stopping) child.kill("SIGKILL");
});

/** Starts a JavaScript or TypeScript program and waits for a line that matches, on either of its outputs. */
export async function startChild(script: string, args: readonly string[], ready: RegExp): Promise<Child> {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH, HOME, TMPDIR },
  });
  stopping.add(child);
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      stopping.delete(child);
      resolve(code ?? signal ?? "");
    });
  });
  const line = await Promise.race([lineOf(child, ready), ended.then(() => undefined), late()]);
  if (line === undefined || child.pid === undefined) {
    child.kill("SIGKILL");
    throw new Error(`${script} did not start`);
  }
  return {
    pid: child.pid,
    ready: line,
    stop: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

function late(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, START_MS, undefined).unref());
}

/** What is not the awaited line, and not a routine one of the log, is for whoever reads the bench. */
function lineOf(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        if (wanted.test(line)) resolve(line);
        else if (!/"level":"(info|debug)"/.test(line)) process.stderr.write(`${line.slice(0, 2000)}\n`);
      });
    }
  });
}

/** Resident memory of one process without its children, in MB of 10^6 bytes (VmRSS of proc(5)). */
export function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kib === undefined) throw new Error(`process ${pid} has no VmRSS`);
  return (Number(kib) * 1024) / 1e6;
}

/** Microseconds of CPU that a process and all its threads have used, children aside (utime and stime of proc(5), in hundredths of a second). */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th fields after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
