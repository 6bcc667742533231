/**
 * Keeps processes no longer than their owner. The owner holds this process's stdin open; when that closes,
 * because the owner is done, crashed or was killed with -9, every process that was started here is killed with
 * its group, and the directory is removed. It runs in a session of its own, so that what ends the owner's
 * process group doesn't end it.
 *
 *   node watchdog.ts <directory to remove, or "">
 *
 * stdin: one Command a line. stdout: one Notice a line.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";

/** A program to start. Its output is appended to `logFile`. */
export interface Command {
  name: string;
  file: string;
  args: string[];
  logFile: string;
}

/** What became of one. */
export type Notice =
  | { name: string; pid: number }
  | { name: string; exit: number | string }
  | { name: string; error: string };

const groups = new Set<number>();

function tell(notice: Notice): void {
  process.stdout.write(`${JSON.stringify(notice)}\n`);
}

function start(command: Command): void {
  const log = openSync(command.logFile, "a");
  // A group of its own: programs that fork are killed whole. No environment but what Go programs need; a
  // proxy that is set for the user isn't to be used by a cluster on loopback.
  const child = spawn(command.file, command.args, {
    detached: true,
    stdio: ["ignore", log, log],
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: process.argv[2] || "/nonexistent" },
  });
  closeSync(log);
  child.on("error", (error) => tell({ name: command.name, error: error.message }));
  const pid = child.pid;
  if (pid === undefined) return;
  groups.add(pid);
  tell({ name: command.name, pid });
  child.on("exit", (code, signal) => {
    groups.delete(pid);
    tell({ name: command.name, exit: signal ?? code ?? -1 });
    if (ending && groups.size === 0) finish();
  });
}

let ending = false;

function end(): void {
  if (ending) return;
  ending = true;
  for (const group of groups) {
    try {
      process.kill(-group, "SIGKILL");
    } catch {
      // It has just ended; its exit is on the way.
    }
  }
  if (groups.size === 0) finish();
}

function finish(): void {
  const directory = process.argv[2];
  // Only after the last process is gone, or it would go on writing into what is being removed.
  if (directory) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

// The owner decides when it is over, not a terminal's Ctrl-C.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
// Nobody reads any more once the owner is gone.
process.stdout.on("error", () => {});

createInterface({ input: process.stdin })
  .on("line", (line) => start(JSON.parse(line) as Command))
  .on("close", end);
