import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { ZipFile } from "yazl";
import type { ExportBytes } from "./formats.ts";
import type { PackFile } from "./pack-layout.ts";

/** Writes a zip file by file, as fast as `output` is read: nothing is held but what is under way. */
export class ZipWriter {
  /** What was added so far. */
  readonly files: PackFile[] = [];
  readonly #zip = new ZipFile();
  readonly #mtime: Date;
  #failure: Error | undefined;
  #current: Readable | undefined;

  constructor(mtime: Date) {
    this.#mtime = mtime;
    this.#zip.on("error", (error: Error) => this.fail(error));
  }

  get output(): AsyncIterable<Buffer> {
    return this.#zip.outputStream as Readable;
  }

  /** Adds one file, and resolves once all of it was taken. Rejects where the source fails, or the reader went away. */
  add(path: string, source: ExportBytes | Iterable<Uint8Array | string>): Promise<PackFile> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const hash = createHash("sha256");
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const part of source) {
        const chunk =
          typeof part === "string" ? Buffer.from(part) : Buffer.from(part.buffer, part.byteOffset, part.length);
        hash.update(chunk);
        bytes += chunk.length;
        if (chunk.length > 0) yield chunk;
      }
    };
    return new Promise((resolve, reject) => {
      const stream = Readable.from(counted(), { objectMode: false });
      this.#current = stream;
      stream.once("error", reject);
      stream.once("close", () => reject(this.#failure ?? new Error(`${path} was cut off`)));
      stream.once("end", () => {
        const file = { path, sha256: hash.digest("hex"), bytes };
        this.files.push(file);
        resolve(file);
      });
      this.#zip.addReadStream(stream, path, { mtime: this.#mtime, mode: 0o100_644 });
    });
  }

  end(): void {
    this.#zip.end();
  }

  /** What reads `output` gets the error instead of an end: a zip that was cut off must not look whole. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#current?.destroy(error);
    (this.#zip.outputStream as Readable).destroy(error);
  }
}
