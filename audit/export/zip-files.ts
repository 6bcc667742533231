import { type Entry, openPromise, type ZipFile } from "yauzl";
import { errorMessage } from "../../base/errors.ts";
import type { PackFiles } from "./pack-files.ts";
import { type PackLimits, packProblem } from "./pack-layout.ts";

/**
 * A zip's files by its central directory. Refused are names that leave the folder, names that stand twice (two readers
 * would read two files), what is encrypted, and sizes above the caps; a content that is longer than its size says ends
 * in an error while it is read.
 */
export async function zipFiles(path: string, limits: PackLimits): Promise<PackFiles> {
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(path, { autoClose: false, lazyEntries: true, strictFileNames: true });
    const entries = await listEntries(zip, limits);
    const opened = zip;
    return {
      form: "zip",
      name: path,
      sizes: new Map([...entries].map(([name, entry]) => [name, entry.uncompressedSize])),
      read: (name) => entryBytes(opened, entries.get(name), `${path}: ${name}`),
      close: async () => opened.close(),
    };
  } catch (error) {
    zip?.close();
    throw packProblem(`${path} is no zip that can be read: ${errorMessage(error)}`, error);
  }
}

async function listEntries(zip: ZipFile, limits: PackLimits): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName;
    if (name === "bodies/" && entry.uncompressedSize === 0) continue; // zip tools write folders as entries
    if (entries.has(name)) throw new Error(`${JSON.stringify(name)} stands in it twice`);
    if (entry.isEncrypted()) throw new Error(`${JSON.stringify(name)} is encrypted`);
    bytes += entry.uncompressedSize;
    entries.set(name, entry);
    if (entries.size > limits.files) throw new Error(`it holds more than ${limits.files} files`);
    if (bytes > limits.bytes) throw new Error(`it holds more than ${limits.bytes} bytes`);
  }
  return entries;
}

async function* entryBytes(zip: ZipFile, entry: Entry | undefined, where: string): AsyncGenerator<Buffer> {
  if (entry === undefined) throw packProblem(`${where} is not there`);
  try {
    yield* (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>;
  } catch (error) {
    throw packProblem(`${where} cannot be unpacked: ${errorMessage(error)}`, error);
  }
}
