import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withProgress } from "./progress.mjs";

const STALE_MS = 30_000;

/**
 * Runs `work` while no other process on this cache does. The lock is a file that its owner touches every
 * ten seconds; one whose owner is dead, or that has not been touched for thirty, is taken over. Taking over
 * can in theory let two in at once: they then do the same work twice, since results are put in place by rename.
 *
 * @template T
 * @param {string} file
 * @param {string} what is being done, for who waits
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, what, work) {
  mkdirSync(dirname(file), { recursive: true });
  const owner = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() });
  await withProgress(`waiting for another process: ${what}`, async () => {
    while (!take(file, owner)) await sleep(200);
  });
  const release = () => {
    if (read(file) === owner) rmSync(file, { force: true });
  };
  const beat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // Somebody cleared the cache: the work goes on, and its result is put in place by rename.
    }
  }, 10_000);
  process.once("exit", release);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    process.off("exit", release);
    release();
  }
}

/** @param {string} file @param {string} owner */
function take(file, owner) {
  try {
    writeFileSync(file, owner, { flag: "wx" });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
  }
  const holder = read(file);
  if (holder === undefined || !abandoned(file, holder)) return false;
  const aside = `${file}.${randomUUID()}`;
  try {
    // Of several that see the same dead lock, one wins the rename.
    renameSync(file, aside);
  } catch {
    return false;
  }
  rmSync(aside, { force: true });
  return false;
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** @param {string} file @param {string} holder */
function abandoned(file, holder) {
  try {
    if (Date.now() - statSync(file).mtimeMs > STALE_MS) return true;
    const { host, pid } = JSON.parse(holder);
    if (host !== hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // A lock that is being written is not JSON yet; one without a process behind it is ESRCH.
    return /** @type {NodeJS.ErrnoException} */ (error).code === "ESRCH";
  }
}
