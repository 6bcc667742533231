import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Command, Notice } from "./watchdog.ts";

/** Programs that end with this process, however it ends. */
export interface Guarded {
  /** Process ids by name, the watchdog's own among them. */
  readonly pids: ReadonlyMap<string, number>;
  /** Starts a program; `onExit` is told why it ended, unless `stop` ended it. */
  start(command: Command, onExit: (why: string) => void): void;
  /** Kills all of them and removes the directory. Resolves when both are done. */
  stop(): Promise<void>;
}

/** Starts a watchdog that removes `directory` (where one is given) when this process ends or `stop` is called. */
export function guard(directory: string | undefined): Guarded {
  const script = join(import.meta.dirname, `watchdog${extname(import.meta.filename)}`);
  const watchdog = spawn(process.execPath, [script, directory ?? ""], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env.PATH },
  });
  const pids = new Map<string, number>();
  if (watchdog.pid !== undefined) pids.set("watchdog", watchdog.pid);
  const listeners = new Map<string, (why: string) => void>();
  let stopping = false;
  const ended = once(watchdog, "exit");
  const failed = (why: string): void => {
    if (stopping) return;
    for (const listener of listeners.values()) listener(why);
  };
  watchdog.on("error", (error) => failed(`the watchdog could not be started: ${error.message}`));
  watchdog.on("exit", (code) => {
    // Somebody killed it, so what it kept is ours to end.
    if (code !== 0) for (const [name, pid] of pids) if (name !== "watchdog") killGroup(pid);
    failed("the watchdog ended");
  });
  // Told by its exit as well.
  watchdog.stdin.on("error", () => {});
  createInterface({ input: watchdog.stdout }).on("line", (line) => {
    const notice = JSON.parse(line) as Notice;
    if ("pid" in notice) pids.set(notice.name, notice.pid);
    else {
      pids.delete(notice.name);
      const why = "exit" in notice ? `${notice.name} ended (${notice.exit})` : `${notice.name}: ${notice.error}`;
      if (!stopping) listeners.get(notice.name)?.(why);
    }
  });
  return {
    pids,
    start(command, onExit) {
      listeners.set(command.name, onExit);
      watchdog.stdin.write(`${JSON.stringify(command)}\n`);
    },
    async stop() {
      stopping = true;
      watchdog.stdin.end();
      await ended;
      if (directory !== undefined) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
