import { createHash, randomUUID } from "node:crypto";
import { copyFile, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, putIntoCache } from "./cache.mjs";
import { download } from "./download.mjs";
import { ensure, GO_NEXT, inMirror } from "./ensure.mjs";
import { SetupFailure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { toolCache } from "./pins.mjs";
import { withProgress } from "./progress.mjs";
import { lastLines, run } from "./run.mjs";

/** @typedef {{id: number, json?: string, inline?: boolean, empty: "keep" | "empty" | "zero", pointer?: boolean, message?: string}} Shape a field, as the Go type has it */
/** @typedef {{kinds: Record<string, Record<string, string>>, messages: Record<string, {form?: string, fields: Shape[]}>}} Shapes what `oracle-fields` prints */

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
  const files = [join(oracle, "go.mod"), join(oracle, "go.sum"), ...sources.flat(), fileURLToPath(import.meta.url)];
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

/** @param {Map<string, string>} folders */
async function loadProtos(folders) {
  const { default: protobuf } = await import("protobufjs");
  const root = new protobuf.Root();
  // Imports name a file by its Go package; nothing is read from elsewhere.
  root.resolvePath = (_origin, target) => {
    for (const [module, folder] of folders) {
      if (target.startsWith(`${module}/`)) return join(folder, target.slice(module.length + 1));
    }
    throw new Error(`${target} is in none of the modules`);
  };
  const names = [];
  for (const [module, folder] of folders) {
    const entries = await readdir(folder, { recursive: true });
    names.push(...entries.filter((name) => /(^|[\\/])generated\.proto$/.test(name)).map((name) => `${module}/${name}`));
  }
  await root.load(names.sort());
  root.resolveAll();
  return root;
}

/**
 * Joins the two views of each message. Where they differ, one of them was read wrongly, and nothing is made.
 *
 * @param {import("protobufjs").Root} root
 * @param {Shapes} shapes
 */
function merge(root, shapes) {
  /** @type {Record<string, unknown>} */
  const messages = {};
  for (const [name, { form, fields }] of Object.entries(shapes.messages)) {
    const type = root.lookupType(name);
    const isOpaque = fields.length === 0 && form !== undefined;
    if (!isOpaque && idsOf(type.fieldsArray) !== idsOf(fields)) {
      throw new Error(`${name} has other fields in Go than in its .proto file`);
    }
    messages[name] = { form, fields: isOpaque ? [] : fields.map((shape) => describe(name, type, shape)) };
  }
  refuseUnread(shapes);
  return { kinds: shapes.kinds, messages };
}

/**
 * What no built-in kind has yet, and the decoder would read wrongly.
 *
 * @param {Shapes} shapes
 */
function refuseUnread({ messages }) {
  /** @param {string} name @returns {string[]} its names in JSON, with those of what is inlined */
  const namesOf = (name) =>
    (messages[name]?.fields ?? []).flatMap((field) =>
      field.inline === true ? namesOf(field.message ?? "") : [field.json ?? ""],
    );
  for (const [name, { form, fields }] of Object.entries(messages)) {
    if (form !== undefined) continue;
    const names = namesOf(name);
    if (new Set(names).size < names.length) throw new Error(`${name} has two fields of one name in JSON`);
    for (const { inline, pointer, empty, message = "" } of fields) {
      if (inline === true && pointer === true) throw new Error(`${name} inlines a pointer`);
      const isTime = /^(time|microTime)$/.test(messages[message]?.form ?? "");
      if (empty === "zero" && !isTime) throw new Error(`${name} leaves out a zero value that is no time`);
    }
  }
}

/** @param {{id: number}[]} fields */
function idsOf(fields) {
  const ids = fields.map((field) => field.id);
  return ids.sort((a, b) => a - b).join();
}

/** @param {string} message @param {import("protobufjs").Type} type @param {Shape} shape */
function describe(message, type, shape) {
  const field = type.fieldsById[shape.id];
  if (field === undefined) throw new Error(`${message} has no field ${shape.id}`);
  const resolved = field.resolvedType?.fullName.slice(1);
  if (resolved !== shape.message)
    throw new Error(`${message}.${field.name} is ${resolved}, and ${shape.message} in Go`);
  return {
    id: shape.id,
    type: resolved ?? field.type,
    list: field.repeated ? true : undefined,
    map: "keyType" in field ? field.keyType : undefined,
    json: shape.json,
    inline: shape.inline,
    empty: shape.empty,
    pointer: shape.pointer,
  };
}
