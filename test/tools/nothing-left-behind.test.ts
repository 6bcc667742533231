import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

const main = new URL("../../tools/control-plane/main.ts", import.meta.url).pathname;
let temporary: string;
let owner: ChildProcess | undefined;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "left-"));
});
afterEach(async () => {
  owner?.kill("SIGKILL");
  await rm(temporary, { recursive: true, force: true });
});

/** Starts a control plane in a process of its own, whose temporary directories all lie in `temporary`. */
function start(): ChildProcess {
  return spawn(process.execPath, [main], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
}

/** The command lines of living processes that name the directory: etcd, the servers and the watchdog all do. */
async function processes(): Promise<string[]> {
  const { stdout } = await promisify(execFile)("ps", ["-axww", "-o", "args="]);
  return stdout.split("\n").filter((line) => line.includes(temporary) && !line.startsWith("ps "));
}

async function nothingIsLeft(): Promise<void> {
  await expect.poll(processes).toEqual([]);
  await expect.poll(() => readdir(temporary)).toEqual([]);
}

it("kill -9 of the owner of a running control plane leaves no process and no directory", async () => {
  owner = start();
  await new Promise((resolve) => owner?.stdout?.once("data", resolve));
  expect(await processes()).toHaveLength(4);
  owner.kill("SIGKILL");
  await nothingIsLeft();
});

it("kill -9 of the owner's whole process group leaves nothing", async () => {
  owner = start();
  await new Promise((resolve) => owner?.stdout?.once("data", resolve));
  process.kill(-(owner.pid ?? 0), "SIGKILL");
  await nothingIsLeft();
});

it("kill -9 of the owner while the control plane is starting leaves nothing", async () => {
  owner = start();
  await expect.poll(processes, { interval: 20 }).toSatisfy((lines: string[]) => lines.length >= 2);
  owner.kill("SIGKILL");
  await nothingIsLeft();
});

it("Ctrl-C ends the control plane with exit 0 and leaves nothing", async () => {
  owner = start();
  await new Promise((resolve) => owner?.stdout?.once("data", resolve));
  const exit = new Promise((resolve) => owner?.once("exit", resolve));
  owner.kill("SIGINT");
  expect(await exit).toBe(0);
  await nothingIsLeft();
});
