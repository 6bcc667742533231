import { constants, type Stats } from "node:fs";
import { lstat, open, opendir } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, UserError } from "../../base/errors.ts";
import { type OpenPack, PACK, type PackLimits, packProblem } from "./pack-layout.ts";

/** The files of a pack, wherever they lie. */
export interface PackFiles {
  form: OpenPack["form"];
  /** As the user named it, for messages. */
  name: string;
  sizes: Map<string, number>;
  read(path: string): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** A path of the layout: what stands at the top, or one content. No other path is ever opened. */
export function isPackPath(path: string): boolean {
  return /^(bodies\/[0-9a-f]{64}|[a-z][a-z0-9-]{0,60}\.(json|ndjson|note|html|cast|har|csv|parquet))$/.test(path);
}

/** Opens a folder, a zip (by its first bytes) or a file of NDJSON. */
export async function openPackFiles(path: string, limits: PackLimits): Promise<PackFiles> {
  let stats: Stats;
  try {
    stats = await lstat(path);
    if (stats.isSymbolicLink()) stats = await (await import("node:fs/promises")).stat(path);
  } catch (error) {
    throw new UserError(`there is no export at ${path}`, { exitCode: 2, next: "Check the path.", cause: error });
  }
  if (stats.isDirectory()) return folderFiles(path, limits);
  if (!stats.isFile()) throw packProblem(`${path} is neither a file nor a folder`);
  if (await startsAsZip(path)) return (await import("./zip-files.ts")).zipFiles(path, limits);
  if (stats.size > limits.bytes) throw packProblem(`${path} is larger than ${limits.bytes} bytes`);
  return {
    form: "ndjson",
    name: path,
    sizes: new Map([[PACK.events, stats.size]]),
    read: () => fileBytes(path),
    close: async () => {},
  };
}

async function startsAsZip(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    // The first entry's header, or, of an empty zip, the end of its directory (APPNOTE.TXT §4.3).
    return bytesRead === 4 && ["504b0304", "504b0506"].includes(buffer.toString("hex"));
  } finally {
    await file.close();
  }
}

async function folderFiles(root: string, limits: PackLimits): Promise<PackFiles> {
  const sizes = new Map<string, number>();
  let bytes = 0;
  const list = async (folder: string, prefix: string): Promise<void> => {
    for await (const entry of await opendir(folder)) {
      const path = `${prefix}${entry.name}`;
      const stats = await lstat(join(folder, entry.name));
      if (stats.isDirectory() && `${path}/` === PACK.bodies) {
        await list(join(folder, entry.name), PACK.bodies);
        continue;
      }
      if (!stats.isFile()) throw packProblem(`${root} holds ${JSON.stringify(path)}, which is no file of a pack`);
      bytes += stats.size;
      sizes.set(path, stats.size);
      if (sizes.size > limits.files) throw packProblem(`${root} holds more than ${limits.files} files`);
      if (bytes > limits.bytes) throw packProblem(`${root} holds more than ${limits.bytes} bytes`);
    }
  };
  await list(root, "");
  return {
    form: "folder",
    name: root,
    sizes,
    read: (path) => fileBytes(join(root, path)),
    close: async () => {},
  };
}

/** Never through a link: a folder that came from elsewhere may hold one to a file of ours. */
async function* fileBytes(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw packProblem(`${path} cannot be read: ${errorMessage(error)}`, error);
  });
  try {
    yield* file.createReadStream({ highWaterMark: 262_144, autoClose: false }) as AsyncIterable<Buffer>;
  } finally {
    await file.close();
  }
}
