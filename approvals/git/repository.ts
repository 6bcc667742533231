import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { within } from "../../base/deadline.ts";
import { Refusal } from "../../base/errors.ts";
import { Slices } from "../standing/slices.ts";
import { type GitQuestion, gitProcess } from "./git-process.ts";

/**
 * A change of one ref, with what it must be before: git's own compare-and-swap. Empty `from`: none must exist. Where
 * `to` is the same, it is only looked at, and the other changes are made only if it is so.
 */
export interface RefChange {
  ref: string;
  from: string;
  /** Empty: delete. */
  to: string;
}

/** git knows it without an object. */
export const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const NONE = "0".repeat(40);

/** Thrown where a ref was not what the change expected, or was locked: somebody else was faster. */
export class RefConflict extends Error {
  constructor(cause: unknown) {
    super("a ref was changed by somebody else", { cause });
    this.name = "RefConflict";
  }
}

/** What a repository gets that does not answer, or is not there. */
export function unavailable(cause: unknown): Refusal {
  return new Refusal("approvals-unavailable", "the approvals repository cannot be read or written now", {
    next: "Try again later; if it stays so, tell the operator of the gateway.",
    cause,
  });
}

// git is asked for milliseconds of work, and for seconds where ten thousand files are written at once.
const DEADLINE_MS = 8_000;
const BULK_DEADLINE_MS = 60_000;
/** No git of ours holds a lock for so long. */
const OLD_LOCK_MS = 2 * BULK_DEADLINE_MS;

interface Asked {
  names: readonly string[];
  resolve(ids: (string | undefined)[]): void;
  reject(error: unknown): void;
}

/** The plumbing of a bare repository: objects, and refs by compare-and-swap. No work tree, no index, no remotes. */
export class Repository {
  readonly path: string;
  readonly #deadlineMs: number;
  readonly #asked: Asked[] = [];
  #resolving = false;
  /** `deadlineMs`: how long one question to git may take. */
  constructor(path: string, { deadlineMs = DEADLINE_MS }: { deadlineMs?: number } = {}) {
    this.path = resolve(path);
    this.#deadlineMs = deadlineMs;
  }

  /** Makes the repository where there is none. Resolves to whether it was made. */
  async ensure(): Promise<boolean> {
    if (existsSync(join(this.path, "HEAD"))) return false;
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    await this.run(["init", "--quiet", "--bare", "--initial-branch=main", "--object-format=sha1", this.path]);
    return true;
  }

  /**
   * Named, since git looks for a repository in the folders above one that is none; grafts give commits other parents.
   * An object that is not there is asked of nobody: the folder's config can name a remote that has it (partial clones),
   * and the command that it is asked with (remote.<name>.uploadpack), which a git before 2.45 can only be kept from by
   * allowing no protocol.
   */
  #environment(): Record<string, string> {
    const { PATH = "", HOME = "" } = process.env;
    const nobody = { GIT_NO_LAZY_FETCH: "1", GIT_ALLOW_PROTOCOL: "none" };
    return { PATH, HOME, GIT_DIR: this.path, GIT_GRAFT_FILE: "/dev/null", ...nobody };
  }

  private async run(args: string[], input?: string, deadlineMs = this.#deadlineMs): Promise<string> {
    return String(await this.#ask({ args, objects: false, input, blockMs: deadlineMs }));
  }

  async #ask(question: Pick<GitQuestion, "args" | "objects" | "input" | "blockMs">): Promise<string | Buffer> {
    try {
      const all = { ...question, path: this.path, environment: this.#environment() };
      return await within(question.blockMs + 500, () => gitProcess.ask(all));
    } catch (error) {
      // A folder that is gone, a git that is missing, hangs or fails: whatever it is, nobody knows what is true now.
      throw unavailable(error);
    }
  }

  /** Writes an object; resolves to its id. */
  async write(type: "blob" | "commit", text: string): Promise<string> {
    return (await this.run(["hash-object", "-w", "-t", type, "--stdin"], text)).trim();
  }

  /** Writes blobs, in one process whatever their number; their ids are `blobId` of their texts. */
  async writeBlobs(texts: readonly string[]): Promise<void> {
    if (texts.length === 0) return;
    const stream = texts.map((text) => `blob\ndata ${Buffer.byteLength(text)}\n${text}\n`).join("");
    await this.run(["fast-import", "--quiet"], stream, BULK_DEADLINE_MS);
  }

  /**
   * Writes a tree of `ls-tree` lines. What the lines name may still be on its way into the repository.
   */
  async writeTree(lines: string[]): Promise<string> {
    // simple-git never ends an empty stdin.
    if (lines.length === 0) return EMPTY_TREE;
    const text = lines.map((line) => `${line}\n`).join("");
    return (await this.run(["mktree", "--missing"], text, BULK_DEADLINE_MS)).trim();
  }

  /** The `ls-tree` lines of a tree-ish that exists. */
  async listTree(treeish: string): Promise<string[]> {
    const out = await this.run(["ls-tree", "--end-of-options", treeish]);
    const slices = new Slices();
    const lines: string[] = [];
    for (let at = 0, end = out.indexOf("\n"); end !== -1; at = end + 1, end = out.indexOf("\n", at)) {
      if (slices.over) await slices.turn();
      lines.push(out.slice(at, end));
    }
    return lines;
  }

  /**
   * The contents of objects, in order; undefined where one does not exist. One process, whatever the number.
   * Names are ids or `<ref>:<path>` of ours, never text of a caller's.
   */
  async read(names: string[]): Promise<(string | undefined)[]> {
    if (names.length === 0) return [];
    // As bytes: a hostile blob that is not UTF-8 must not shift where the next object begins.
    const input = `${names.join("\n")}\n`;
    const deadlineMs = names.length > 100 ? BULK_DEADLINE_MS : this.#deadlineMs;
    const out = Buffer.from(await this.#ask({ args: ["--batch"], objects: true, input, blockMs: deadlineMs }));
    const slices = new Slices();
    const found: (string | undefined)[] = [];
    let at = 0;
    for (const _ of names) {
      if (slices.over) await slices.turn();
      const eol = out.indexOf(10, at);
      const header = out.subarray(at, eol).toString();
      at = eol + 1;
      const size = /^[0-9a-f]{40} \w+ (\d+)$/.exec(header)?.[1];
      if (size === undefined) {
        found.push(undefined);
        continue;
      }
      found.push(out.subarray(at, at + Number(size)).toString());
      at += Number(size) + 1;
    }
    return found;
  }

  /** Refs under the prefixes, as `[name, id]`. */
  async refs(...prefixes: string[]): Promise<[string, string][]> {
    const out = await this.run(["for-each-ref", "--format=%(refname) %(objectname)", ...prefixes]);
    const slices = new Slices();
    const refs: [string, string][] = [];
    // Ten thousand of them in one piece are milliseconds in which nothing else is answered.
    for (let at = 0, end = out.indexOf("\n"); end !== -1; at = end + 1, end = out.indexOf("\n", at)) {
      if (slices.over) await slices.turn();
      const space = out.indexOf(" ", at);
      refs.push([out.slice(at, space), out.slice(space + 1, end)]);
    }
    return refs;
  }

  /** The id of a ref, or undefined. */
  async ref(name: string): Promise<string | undefined> {
    return (await this.resolve([name]))[0];
  }

  /**
   * The ids of refs by their full names, in order; undefined where one does not exist. However many others there are:
   * `for-each-ref` reads the folders that they are in (20,000 loose refs: 160 ms).
   */
  resolve(names: readonly string[]): Promise<(string | undefined)[]> {
    if (names.length === 0) return Promise.resolve([]);
    const { promise, resolve, reject } = Promise.withResolvers<(string | undefined)[]>();
    this.#asked.push({ names, resolve, reject });
    if (!this.#resolving) void this.#resolveAll();
    return promise;
  }

  /** One process at a time, for all who asked since the last one began: a thousand held requests are not a thousand. */
  async #resolveAll(): Promise<void> {
    this.#resolving = true;
    while (this.#asked.length > 0) {
      const asked = this.#asked.splice(0);
      const names = asked.flatMap((one) => one.names);
      try {
        const out = await this.run(["cat-file", "--batch-check=%(objectname)"], `${names.join("\n")}\n`);
        const ids = out.split("\n").map((line) => (/^[0-9a-f]{40}$/.test(line) ? line : undefined));
        let at = 0;
        for (const one of asked) {
          one.resolve(ids.slice(at, at + one.names.length));
          at += one.names.length;
        }
      } catch (error) {
        for (const one of asked) one.reject(error);
      }
    }
    this.#resolving = false;
  }

  /**
   * Whether a commit is another one or one of its ancestors; false where it is not there any more. Files by which
   * git is told of other parents than a commit has (grafts, shallow, commit-graph) are not believed.
   */
  async isAncestor(from: string, to: string): Promise<boolean> {
    if (["info/grafts", "shallow"].some((file) => existsSync(join(this.path, file)))) return false;
    const there = await this.resolve([from, to]);
    if (there.includes(undefined)) return false;
    return (await this.run(["rev-list", "--count", "--max-count=1", from, `^${to}`])).trim() === "0";
  }

  /** The newest commits of a branch along first parents. */
  async firstParents(ref: string, limit: number): Promise<string[]> {
    const out = await this.run(["rev-list", "--first-parent", `--max-count=${limit}`, ref]);
    return out.split("\n").filter((line) => line !== "");
  }

  /** Changes refs, all or none; throws RefConflict where one was not as expected. */
  async swap(changes: RefChange[]): Promise<void> {
    try {
      await this.#swap(changes);
    } catch (error) {
      if (error instanceof RefConflict || !this.#removeOldLocks(changes)) throw error;
      await this.#swap(changes);
    }
  }

  /** Removes the locks on these refs that a git left which was killed, or a machine that failed. False: there is none. */
  #removeOldLocks(changes: readonly RefChange[]): boolean {
    const files = ["packed-refs", ...changes.map(({ ref }) => ref)].map((file) => join(this.path, `${file}.lock`));
    const old = files.filter((file) => {
      const since = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
      return since !== undefined && Date.now() - since > OLD_LOCK_MS;
    });
    for (const file of old) rmSync(file, { force: true });
    return old.length > 0;
  }

  async #swap(changes: RefChange[]): Promise<void> {
    const lines = changes.map(({ ref, from, to }) => {
      if (to === from) return `verify ${ref} ${from === "" ? NONE : from}`;
      return to === "" ? `delete ${ref} ${from}` : `update ${ref} ${to} ${from === "" ? NONE : from}`;
    });
    try {
      // With its verbs of a transaction update-ref prints something; simple-git waits 50 ms for a command that
      // prints nothing.
      await this.run(["update-ref", "--stdin"], `${["start", ...lines, "prepare", "commit"].join("\n")}\n`);
    } catch (error) {
      // git has no exit code of its own for it, and its words depend on the locale: what differs tells.
      const now = await this.resolve(changes.map(({ ref }) => ref));
      if (changes.some(({ from }, i) => (now[i] ?? "") !== from)) throw new RefConflict(error);
      throw error;
    }
  }
}
