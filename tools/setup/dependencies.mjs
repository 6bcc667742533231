import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { toolCache } from "./pins.mjs";
import { withProgress } from "./progress.mjs";
import { run } from "./run.mjs";

/** @typedef {{version?: string, integrity?: string, optional?: boolean}} LockedPackage */

/**
 * Whether node_modules is what package-lock.json says. npm writes node_modules/.package-lock.json last of
 * all, so an install that was interrupted has none; and a package added by `npm install` is in both.
 *
 * @param {string} root
 */
export async function dependenciesInstalled(root) {
  const wanted = await lockedPackages(join(root, "package-lock.json"));
  const present = await lockedPackages(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const installed = present[path];
    // What npm left out for another platform is optional.
    if (installed === undefined) return entry.optional === true;
    return installed.version === entry.version && installed.integrity === entry.integrity;
  });
}

/** @param {string} file @returns {Promise<Record<string, LockedPackage> | undefined>} */
async function lockedPackages(file) {
  try {
    return JSON.parse(await readFile(file, "utf8")).packages;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT" || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

/**
 * Runs `npm ci` where node_modules is not what package-lock.json says.
 *
 * @param {string} root
 */
export async function ensureDependencies(root) {
  if (await dependenciesInstalled(root)) return;
  const checkout = createHash("sha256").update(root).digest("hex").slice(0, 16);
  await withLock(join(toolCache(), "locks", `npm-${checkout}`), "installing packages", async () => {
    if (await dependenciesInstalled(root)) return;
    const { code, stdout, stderr } = await withProgress("installing packages (npm ci)", () =>
      // A level of its own: under `npm run -s` it would say nothing of an error.
      run("npm", ["ci", "--no-progress", "--loglevel=error"], { cwd: root }),
    );
    if (code === 0) return;
    throw new SetupFailure(`npm ci failed: ${firstLines(stderr || stdout)}`, "run `npm ci` to see all of it");
  });
}

/** npm says first what went wrong, and then how it is used. @param {string} text */
function firstLines(text) {
  const lines = text.split("\n").map((line) => line.replace(/^npm (error|ERR!)/, "").trim());
  return lines.filter(Boolean).slice(0, 3).join(" | ").slice(0, 600);
}
