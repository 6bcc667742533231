import childProcess, { type ChildProcess } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import workerThreads from "node:worker_threads";
import { watchAnswers, watchSyncs } from "./witness.ts";

/**
 * Loaded into a gateway before its own code (`--import`): ends the gateway, the recorder's thread or the store's
 * process in the middle of a step, when the file `trap` says so (`<whom> <step>`), and says in `sprung` that it did.
 * It stands where the product meets Node's own functions, so that nothing of the product knows of it.
 */
export type Target = "gateway" | "worker" | "store";
const folder = process.env.SALLYPORT_TRAPS ?? "";
const { existsSync, readFileSync, unlinkSync, writeFileSync } = fs;
const trapFile = join(folder, "trap");
let store: ChildProcess | undefined;

/** Ends what the trap is set for, where it is set for this step. */
function at(step: string): void {
  if (!existsSync(trapFile)) return;
  const text = readFileSync(trapFile, "utf8");
  const target = text.slice(0, text.indexOf(" "));
  if (text !== `${target} ${step}` || (target === "store" && store === undefined)) return;
  unlinkSync(trapFile);
  writeFileSync(join(folder, "sprung"), String(Date.now()));
  if (target === "gateway") process.kill(process.pid, "SIGKILL");
  // In a thread this ends the thread, at once and with nothing of it run any more.
  else if (target === "worker") process.exit(1);
  else store?.kill("SIGKILL");
}

/** Whether the trap is set for this step: asked before something is done by half. */
function isSet(step: string): boolean {
  return existsSync(trapFile) && readFileSync(trapFile, "utf8").endsWith(` ${step}`);
}

/** By so many milliseconds somebody has put the clock back: the file `back` says it. */
const backFile = join(folder, "back");
const readBack = (): number => (existsSync(backFile) ? Number(readFileSync(backFile, "utf8")) : 0);
let back = readBack();
setInterval(() => {
  back = readBack();
}, 50).unref();
const { now } = Date;
Date.now = () => now() - back;
// A process learns the wall clock once, for times with a fraction: what is put back later does not change it.
if (back > 0) Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin - back });

const witnessOf = (thread: string): number => fs.openSync(join(folder, `${process.pid}.${thread}.log`), "a");

if (folder !== "" && workerThreads.isMainThread) {
  watchAnswers(witnessOf("gateway"));
  const Original = workerThreads.Worker;
  workerThreads.Worker = class extends Original {
    constructor(file: string | URL, options: workerThreads.WorkerOptions = {}) {
      super(file, options.name === "recorder" ? { ...options, execArgv: ["--import", import.meta.url] } : options);
    }
  };
  syncBuiltinESMExports();
} else if (folder !== "") {
  watchSyncs(witnessOf("recorder"));
  const { writevSync, fdatasyncSync, renameSync, rmSync } = fs;
  fs.writevSync = (fd, buffers, position) => {
    at("writing");
    if (isSet("half written")) {
      const whole = Buffer.concat(buffers as Buffer[]);
      writevSync(fd, [whole.subarray(0, Math.ceil(whole.length / 2))]);
      at("half written");
    }
    return writevSync(fd, buffers, position);
  };
  fs.fdatasyncSync = (fd) => {
    at("syncing");
    fdatasyncSync(fd);
    at("synced");
  };
  fs.renameSync = (from, to) => {
    if (String(to).endsWith("shipped.json")) at("marking");
    renameSync(from, to);
  };
  fs.rmSync = (path, options) => {
    if (String(path).endsWith(".seg")) at("releasing");
    rmSync(path, options);
  };
  const { spawn } = childProcess;
  childProcess.spawn = ((...args: Parameters<typeof spawn>) => {
    const child = spawn(...args);
    watchStore(child);
    return child;
  }) as typeof spawn;
  syncBuiltinESMExports();
}

/** The store's requests and its answers are on descriptor 3; rows come with the request, or in a file that it names. */
function watchStore(child: ChildProcess): void {
  store = child;
  at("starting");
  const pipe = child.stdio[3] as Duplex | null | undefined;
  if (!pipe) return;
  const write = pipe.write.bind(pipe);
  let inserting = false;
  pipe.write = ((chunk: Buffer, ...rest: never[]) => {
    const text = chunk.length < 4096 ? chunk.toString("latin1") : "";
    const insert = text.includes('"op":"insert"');
    if (insert && text.includes('"bodies"')) at("keeping contents");
    if ((insert && text.includes('"events"')) || text.includes("INSERT INTO events ")) {
      inserting = true;
      const took = write(chunk, ...rest);
      at("inserting");
      // It has the rows by then, and is at work on them.
      setTimeout(() => at("at work"), Math.random() * 15);
      return took;
    }
    return write(chunk, ...rest);
  }) as typeof pipe.write;
  pipe.on("data", () => {
    if (!inserting) return;
    inserting = false;
    at("stored");
  });
}
