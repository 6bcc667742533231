import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { cached, foldersStarting, putIntoCache, writeAtomically } from "./cache.mjs";
import { download } from "./download.mjs";
import { SetupFailure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { pins, toolCache } from "./pins.mjs";
import { withProgress } from "./progress.mjs";
import { lastLines, onPath, run } from "./run.mjs";

/** @typedef {import("./pins.mjs").Pin} Pin */
/** @typedef {import("./pins.mjs").ToolName} ToolName */
/** @typedef {Record<string, Record<string, {key: string, go: string, sha256: string}>>} Checksums by `<platform>-<arch>`, then tool */

export const GO_NEXT = "install Go 1.26 or newer (https://go.dev/dl) and put `go` on PATH";

/**
 * Path of a pinned tool: one of that version on PATH, else from the cache, else downloaded from the mirror
 * that SALLYPORT_TOOLS_MIRROR names, else built by go. Processes that want the same tool wait for each other.
 *
 * @param {ToolName} name
 * @returns {Promise<string>}
 * @throws {SetupFailure} where it cannot be had
 */
export async function ensure(name) {
  const pin = pins().find((candidate) => candidate.name === name);
  if (pin === undefined) throw new Error(`no tool ${name} is pinned`);
  const found = await locate(pin);
  if (found !== undefined) return found;
  return withLock(join(toolCache(), "locks", `${name}-${pin.key}`), `getting ${name}`, async () => {
    return (await locate(pin)) ?? (await takeFromMirror(pin)) ?? (await build(pin));
  });
}

/**
 * A tool that needs nothing more than to be found.
 *
 * @param {Pin} pin
 * @returns {Promise<string | undefined>}
 */
export async function locate(pin) {
  if (pin.prints !== null) {
    for (const file of await onPath(pin.name)) if (pin.prints.test(await probe(file, pin.probe))) return file;
  }
  const go = await goVersion(pin.folder);
  // Without go nothing could be built anyway, and what any release of it built will do.
  const folders = go === undefined ? await foldersStarting(folderOf(pin, ""), `${pin.key}-`) : [folderOf(pin, go)];
  for (const folder of folders) {
    const file = await cached(folder, pin.name);
    if (file !== undefined) return file;
  }
  return undefined;
}

/** @param {Pin} pin @param {string} go */
function folderOf(pin, go) {
  const parent = join(toolCache(), "tools", pin.name);
  return go === "" ? parent : join(parent, `${pin.key}-${go}`);
}

/** What a tool on PATH prints as its version, remembered as long as the file stays the same. @param {string} file @param {string[]} args */
async function probe(file, args) {
  const { size, mtimeMs } = await stat(file);
  const id = createHash("sha256")
    .update(JSON.stringify([file, size, mtimeMs, args]))
    .digest("hex")
    .slice(0, 16);
  const memory = join(toolCache(), "probes", id);
  try {
    return await readFile(memory, "utf8");
  } catch {
    const { code, stdout } = await run(file, args, { timeoutMs: 10_000 });
    const text = code === 0 ? stdout : "";
    await writeAtomically(memory, text);
    return text;
  }
}

/** @type {Map<string, Promise<string | undefined>>} */
const goVersions = new Map();

/** The release of Go that builds in that folder (go.mod may ask for a newer one than is installed), or undefined. @param {string} folder */
function goVersion(folder) {
  let version = goVersions.get(folder);
  if (version === undefined) {
    version = run("go", ["env", "GOVERSION"], { cwd: folder }).then(({ code, stdout }) =>
      code === 0 ? stdout.trim() : undefined,
    );
    goVersions.set(folder, version);
  }
  return version;
}

/**
 * Takes `<mirror>/<name>-<version>-<platform>-<arch>`.
 *
 * @param {Pin} pin
 * @returns {Promise<string | undefined>} undefined where no mirror is named, or what it should have is not pinned
 */
async function takeFromMirror(pin) {
  const offered = await inMirror(pin.name, pin.version, pin.key);
  if (offered === undefined) return undefined;
  const folder = folderOf(pin, (await goVersion(pin.folder)) ?? offered.go);
  return putIntoCache(folder, pin.name, (file) =>
    withProgress(`downloading ${pin.name} ${pin.version}`, () => download(offered.url, offered.sha256, file)),
  );
}

/**
 * Where the mirror that SALLYPORT_TOOLS_MIRROR names has it, with the digest that is pinned.
 *
 * @param {string} name
 * @param {string} version
 * @param {string} key
 * @returns {Promise<{url: string, go: string, sha256: string} | undefined>}
 */
export async function inMirror(name, version, key) {
  const mirror = process.env.SALLYPORT_TOOLS_MIRROR;
  if (!mirror) return undefined;
  /** @type {Checksums} */
  const checksums = JSON.parse(await readFile(new URL("../checksums.json", import.meta.url), "utf8"));
  const target = `${process.platform}-${process.arch}`;
  const pinned = checksums[target]?.[name];
  if (pinned === undefined || pinned.key !== key) return undefined;
  return { ...pinned, url: `${mirror.replace(/\/$/, "")}/${name}-${version}-${target}` };
}

/** @param {Pin} pin */
async function build(pin) {
  const go = await goVersion(pin.folder);
  if (go === undefined) {
    const { code, stderr } = await run("go", ["env", "GOVERSION"], { cwd: pin.folder });
    const why = code === null ? "go is not on PATH" : lastLines(stderr);
    throw new SetupFailure(`${pin.name} ${pin.version} has to be built, and ${why}`, GO_NEXT);
  }
  return putIntoCache(folderOf(pin, go), pin.name, async (file) => {
    const env = { ...process.env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "" };
    const { code, stderr } = await withProgress(
      `building ${pin.name} ${pin.version}, once (${pin.cold} if Go's own cache is empty)`,
      () => run("go", ["build", ...pin.flags, "-o", file, pin.package], { cwd: pin.folder, env }),
    );
    if (code !== 0) {
      throw new SetupFailure(
        `${pin.name} ${pin.version} could not be built: ${lastLines(stderr)}`,
        `see all of it with: cd ${pin.folder} && CGO_ENABLED=0 go build ${pin.package}`,
      );
    }
  });
}
