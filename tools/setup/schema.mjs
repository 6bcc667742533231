import { createHash, randomUUID } from "node:crypto";
import { copyFile, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, putIntoCache } from "./cache.mjs";
import { download } from "./download.mjs";
import { ensure, GO_NEXT, inMirror } from "./ensure.mjs";
import { SetupFailure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { loadProtos, merge } from "./merge-schema.mjs";
import { toolCache } from "./pins.mjs";
import { withProgress } from "./progress.mjs";
import { lastLines, run } from "./run.mjs";

/** Where the .proto files of the built-in kinds are. */
const MODULES = ["k8s.io/api", "k8s.io/apimachinery", "k8s.io/apiextensions-apiserver", "k8s.io/kube-aggregator"];
const NAME = "schema.json";
/** What it is called in the cache, and in a mirror (`kubernetes-schema-<key>-<platform>-<arch>`). */
const TOOL = "kubernetes-schema";
const oracle = fileURLToPath(new URL("../oracle", import.meta.url));

/** Where the decoder looks for it. @param {string} root */
const placeIn = (root) => join(root, "kubernetes", "body", "protobuf", NAME);

/**
 * Puts kubernetes/body/protobuf/schema.json in place: the messages of the built-in kinds, from the .proto files of the
 * pinned Go modules, and the JSON that each stands for, from their Go types. Made once for each state of the modules
 * and of what makes it, and kept in the cache of tools.
 *
 * @param {string} root
 * @returns {Promise<{key: string, file: string}>}
 * @throws {SetupFailure} where it cannot be made
 */
export async function ensureSchema(root) {
  const key = await keyOfSchema(root);
  const place = placeIn(root);
  if (await startsWith(place, `{"key":"${key}"`)) return { key, file: place };
  const folder = join(toolCache(), "tools", TOOL, key);
  const file =
    (await cached(folder, NAME)) ??
    (await withLock(join(toolCache(), "locks", `${TOOL}-${key}`), "getting the protobuf schema", async () => {
      return (await cached(folder, NAME)) ?? (await takeFromMirror(folder, key)) ?? (await make(folder, key));
    }));
  const fresh = `${place}.${randomUUID()}`;
  try {
    await copyFile(file, fresh);
    await rename(fresh, place);
  } finally {
    await rm(fresh, { force: true });
  }
  return { key, file: place };
}

/** Changes with the modules, with what reads them, and with the format. @param {string} root */
async function keyOfSchema(root) {
  const hash = createHash("sha256");
  const sources = await Promise.all(
    ["fields", "kinds"].map(async (folder) =>
      (await readdir(join(oracle, folder))).sort().map((name) => join(oracle, folder, name)),
    ),
  );
  const makers = ["schema.mjs", "merge-schema.mjs"].map((name) => fileURLToPath(new URL(name, import.meta.url)));
  const files = [join(oracle, "go.mod"), join(oracle, "go.sum"), ...sources.flat(), ...makers];
  for (const file of files) hash.update(await readFile(file)).update("\0");
  /** @type {{packages: Record<string, {version?: string}>}} */
  const { packages } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  return hash
    .update(packages["node_modules/protobufjs"]?.version ?? "")
    .digest("hex")
    .slice(0, 16);
}

/** @param {string} path @param {string} text */
async function startsWith(path, text) {
  let file;
  try {
    file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(text.length), 0, text.length, 0);
    return buffer.toString("utf8", 0, bytesRead) === text;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return false;
    throw error;
  } finally {
    await file?.close();
  }
}

/** @param {string} folder @param {string} key */
async function takeFromMirror(folder, key) {
  const offered = await inMirror(TOOL, key, key);
  return offered && putIntoCache(folder, NAME, (file) => download(offered.url, offered.sha256, file));
}

/** @param {string} folder @param {string} key */
async function make(folder, key) {
  const fields = await ensure("oracle-fields");
  return putIntoCache(folder, NAME, async (file) => {
    await withProgress("reading the .proto files of Kubernetes, once", async () => {
      const { code, stdout, stderr } = await run(fields, []);
      if (code !== 0) throw new Error(`oracle-fields failed: ${lastLines(stderr)}`);
      const root = await loadProtos(await moduleFolders());
      await writeFile(file, JSON.stringify({ key, ...merge(root, JSON.parse(stdout)) }));
    });
  });
}

/** The folders that Go has the modules in, downloaded where they are missing. @returns {Promise<Map<string, string>>} */
async function moduleFolders() {
  const env = { ...process.env, GOWORK: "off", GOFLAGS: "-mod=readonly" };
  const { code, stdout, stderr } = await run("go", ["mod", "download", "-json", ...MODULES], { cwd: oracle, env });
  if (code !== 0) {
    const why = code === null ? "go is not on PATH" : lastLines(stderr);
    throw new SetupFailure(`the .proto files of Kubernetes are read from its Go modules, and ${why}`, GO_NEXT);
  }
  /** @type {{Path: string, Dir: string}[]} */
  const found = JSON.parse(`[${stdout.trim().replaceAll(/^}\n(?={)/gm, "},\n")}]`);
  return new Map(found.map(({ Path, Dir }) => [Path, Dir]));
}
