import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";

/** @typedef {{sha256: string, size: number, mtimeMs: number}} Manifest what was put into the cache */

/**
 * SHA-256 of a file, as lower-case hex.
 *
 * @param {string} file
 */
export async function fileSha256(file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/**
 * The cached file of that name under `folder`, or undefined where there is none that is what was put there.
 * Size and modification time are compared each time; where they differ (a cache that was copied), the digest
 * decides.
 *
 * @param {string} folder
 * @param {string} name
 * @returns {Promise<string | undefined>}
 */
export async function cached(folder, name) {
  const file = join(folder, name);
  try {
    /** @type {Manifest} */
    const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"));
    const { size, mtimeMs } = await stat(file);
    if (size !== manifest.size) return undefined;
    if (mtimeMs === manifest.mtimeMs) return file;
    if ((await fileSha256(file)) !== manifest.sha256) return undefined;
    await writeAtomically(join(folder, "manifest.json"), JSON.stringify({ ...manifest, mtimeMs }));
    return file;
  } catch (error) {
    const code = /** @type {NodeJS.ErrnoException} */ (error).code;
    if (code === "ENOENT" || code === "ENOTDIR" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Lets `make` write a file into a new folder, then puts that folder in place in one step, so that nobody
 * sees half a tool.
 *
 * @param {string} folder
 * @param {string} name
 * @param {(file: string) => Promise<void>} make
 * @returns {Promise<string>} the file in its place
 */
export async function putIntoCache(folder, name, make) {
  const fresh = join(dirname(folder), `.${randomUUID()}`);
  await mkdir(fresh, { recursive: true });
  try {
    const file = join(fresh, name);
    await make(file);
    const { size, mtimeMs } = await stat(file);
    const manifest = { sha256: await fileSha256(file), size, mtimeMs };
    await writeFile(join(fresh, "manifest.json"), JSON.stringify(manifest));
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
    return join(folder, name);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/**
 * Folders beside each other under `parent` whose name starts so; none where there is no parent.
 *
 * @param {string} parent
 * @param {string} prefix
 */
export async function foldersStarting(parent, prefix) {
  try {
    return (await readdir(parent)).filter((name) => name.startsWith(prefix)).map((name) => join(parent, name));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return [];
    throw error;
  }
}

/** @param {string} file @param {string} text */
export async function writeAtomically(file, text) {
  const fresh = `${file}.${randomUUID()}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(fresh, text);
  await rename(fresh, file);
}
