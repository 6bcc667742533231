import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";

export const KEY_BYTES = 32;

/** A folder of keys, a file each, for its owner alone. Several processes may have it at once. */
export class KeyFolder {
  readonly #path: string;

  /** Makes the folder where there is none. */
  constructor(path: string) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#path = path;
  }

  /** Overwrites a key and removes it; false where there is none. */
  destroy(name: string): boolean {
    const path = join(this.#path, name);
    let fd: number;
    try {
      fd = openSync(path, "r+");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
    try {
      // A file system that copies on write keeps the old blocks: the docs say so.
      writeSync(fd, randomBytes(statSync(path).size), 0, undefined, 0);
      fsyncSync(fd);
      ftruncateSync(fd);
    } finally {
      closeSync(fd);
    }
    rmSync(path);
    this.#sync();
    return true;
  }

  /** Adds a line to a file of notes. */
  note(name: string, line: object): void {
    appendFileSync(join(this.#path, name), `${JSON.stringify(line)}\n`, { mode: 0o600 });
    this.#sync();
  }

  /** The key of this name, where there is one. */
  read(name: string): Buffer | undefined {
    try {
      const bytes = Buffer.from(readFileSync(join(this.#path, name), "utf8").trim(), "hex");
      // One that is being destroyed, or was torn: it opens nothing.
      return bytes.length === KEY_BYTES ? bytes : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Whole and on disk or not there at all; of two that make it at once, both get the one that was first. */
  readOrCreate(name: string): Buffer {
    const there = this.read(name);
    if (there !== undefined) return there;
    const path = join(this.#path, name);
    const temporary = `${path}.${randomBytes(6).toString("hex")}`;
    const secret = randomBytes(KEY_BYTES);
    const fd = openSync(temporary, "wx", 0o600);
    try {
      writeSync(fd, `${secret.toString("hex")}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    try {
      linkSync(temporary, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const first = this.read(name);
      if (first === undefined)
        throw new UserError(`${path} is no key`, { next: "Remove it; nothing can be opened with it.", cause: error });
      return first;
    } finally {
      rmSync(temporary, { force: true });
    }
    this.#sync();
    return secret;
  }

  #sync(): void {
    const fd = openSync(this.#path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
