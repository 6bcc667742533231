import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type SimpleGit, simpleGit } from "simple-git";

/** A change of one ref, with what it must be before: git's own compare-and-swap. Empty `from`: none must exist. */
export interface RefChange {
  ref: string;
  from: string;
  /** Empty: delete. */
  to: string;
}

const NONE = "0".repeat(40);

/** Thrown where a ref was not what the change expected, or was locked: somebody else was faster. */
export class RefConflict extends Error {
  constructor(cause: unknown) {
    super("a ref was changed by somebody else", { cause });
    this.name = "RefConflict";
  }
}

/** The plumbing of a bare repository: objects, and refs by compare-and-swap. No work tree, no index, no remotes. */
export class Repository {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  /** Makes the repository where there is none. Resolves to whether it was made. */
  async ensure(): Promise<boolean> {
    if (existsSync(join(this.path, "HEAD"))) return false;
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    await this.run(["init", "--quiet", "--bare", "--initial-branch=main", "--object-format=sha1"]);
    return true;
  }

  private git(input?: string): SimpleGit {
    return simpleGit({
      baseDir: this.path,
      // Whoever can write the folder must not run code in the gateway (update-ref runs the hook
      // reference-transaction), nor pass one object off as another (refs/replace).
      config: ["core.hooksPath=/dev/null", "core.useReplaceRefs=false", "gc.auto=0", "core.filesRefLockTimeout=2000"],
      unsafe: { allowUnsafeHooksPath: true },
      timeout: { block: 20_000 },
      errors: (error, result) =>
        error ?? (result.exitCode === 0 ? undefined : Buffer.from(`git exited with ${result.exitCode}`)),
      ...(input === undefined ? {} : { input: () => input }),
    });
  }

  private async run(args: string[], input?: string): Promise<string> {
    return this.git(input).raw(args);
  }

  /** Writes an object; resolves to its id. */
  async write(type: "blob" | "commit", text: string): Promise<string> {
    return (await this.run(["hash-object", "-w", "-t", type, "--stdin"], text)).trim();
  }

  /** Writes blobs, in one process whatever their number; their ids are `blobId` of their texts. */
  async writeBlobs(texts: readonly string[]): Promise<void> {
    if (texts.length === 0) return;
    const stream = texts.map((text) => `blob\ndata ${Buffer.byteLength(text)}\n${text}\n`).join("");
    await this.run(["fast-import", "--quiet"], stream);
  }

  /**
   * Writes a tree of `ls-tree` lines, at least one (simple-git never ends an empty stdin). What the lines name
   * may still be on its way into the repository.
   */
  async writeTree(lines: string[]): Promise<string> {
    return (await this.run(["mktree", "--missing"], lines.map((line) => `${line}\n`).join(""))).trim();
  }

  /** The `ls-tree` lines of a tree-ish that exists. */
  async listTree(treeish: string): Promise<string[]> {
    return (await this.run(["ls-tree", "--end-of-options", treeish])).split("\n").filter((line) => line !== "");
  }

  /**
   * The contents of objects, in order; undefined where one does not exist. One process, whatever the number.
   * Names are ids or `<ref>:<path>` of ours, never text of a caller's.
   */
  async read(names: string[]): Promise<(string | undefined)[]> {
    if (names.length === 0) return [];
    // As bytes: a hostile blob that is not UTF-8 must not shift where the next object begins.
    const out: Buffer = await this.git(`${names.join("\n")}\n`).binaryCatFile(["--batch"]);
    const found: (string | undefined)[] = [];
    let at = 0;
    for (const _ of names) {
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
    return out
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(" ") as [string, string]);
  }

  /** The id of a ref, or undefined. */
  async ref(name: string): Promise<string | undefined> {
    return (await this.refs(name)).find(([ref]) => ref === name)?.[1];
  }

  /** The newest commits of a branch along first parents. */
  async firstParents(ref: string, limit: number): Promise<string[]> {
    const out = await this.run(["rev-list", "--first-parent", `--max-count=${limit}`, ref]);
    return out.split("\n").filter((line) => line !== "");
  }

  /** Changes refs, all or none; throws RefConflict where one was not as expected. */
  async swap(changes: RefChange[]): Promise<void> {
    const lines = changes.map(({ ref, from, to }) =>
      to === "" ? `delete ${ref} ${from}` : `update ${ref} ${to} ${from === "" ? NONE : from}`,
    );
    try {
      // With its verbs of a transaction update-ref prints something; simple-git waits 50 ms for a command that
      // prints nothing.
      await this.run(["update-ref", "--stdin"], `${["start", ...lines, "prepare", "commit"].join("\n")}\n`);
    } catch (error) {
      // git has no exit code of its own for it, and its words depend on the locale: what differs tells.
      const now = new Map(await this.refs());
      if (changes.some(({ ref, from }) => (now.get(ref) ?? "") !== from)) throw new RefConflict(error);
      throw error;
    }
  }
}
