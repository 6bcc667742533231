import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { packTar, unpackTar } from "modern-tar";
import { errorMessage, UserError } from "../../base/errors.ts";

/** The files of a bundle by their path in it, without a leading slash. */
export type BundleFiles = Map<string, Uint8Array>;

/** A bundle of the whole library is about 1 MB; what is larger than this was not made by `policy build`. */
export const MAX_ARCHIVE_BYTES = 16 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
const MAX_FILES = 10_000;

/** Packs in order of names, with no times and no owners: the same files give the same bytes. */
export async function packBundle(files: BundleFiles): Promise<Uint8Array> {
  const names = [...files.keys()].sort();
  const entries = names.map((name) => {
    const body = files.get(name) ?? new Uint8Array();
    return {
      header: { name: `/${name}`, size: body.byteLength, mtime: new Date(0), mode: 0o644, uid: 0, gid: 0 },
      body,
    };
  });
  return promisify(gzip)(await packTar(entries), { level: 9 });
}

/** Reads a bundle's `.tar.gz`. Throws a UserError (exit 1) on what is not one, is too large or names a file twice. */
export async function unpackBundle(archive: Uint8Array, name: string): Promise<BundleFiles> {
  const bad = (why: string, cause?: unknown): UserError =>
    new UserError(`${name} is no bundle: ${why}`, { exitCode: 1, cause });
  if (archive.byteLength > MAX_ARCHIVE_BYTES) throw bad(`it is larger than ${MAX_ARCHIVE_BYTES} bytes`);
  let tar: Uint8Array;
  try {
    tar = await promisify(gunzip)(archive, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (error) {
    throw bad(errorMessage(error), error);
  }
  const files: BundleFiles = new Map();
  let entries: Awaited<ReturnType<typeof unpackTar>>;
  try {
    entries = await unpackTar(tar, { strict: true });
  } catch (error) {
    throw bad(errorMessage(error), error);
  }
  if (entries.length > MAX_FILES) throw bad(`it has more than ${MAX_FILES} files`);
  for (const entry of entries) {
    const type = entry.header.type ?? "file";
    if (type === "directory") continue;
    const path = entry.header.name.replace(/^\.?\//, "");
    if (type !== "file") throw bad(`${path} is a ${type}`);
    // A second file of one name could be the one that is used while the first is the one that was verified.
    if (files.has(path)) throw bad(`${path} is in it twice`);
    files.set(path, entry.data ?? new Uint8Array());
  }
  return files;
}
