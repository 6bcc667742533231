import * as nodeFs from "node:fs";
import git from "isomorphic-git";

export interface Entry {
  mode: string;
  path: string;
  oid: string;
  type: "blob" | "tree" | "commit";
}

export interface Person {
  name: string;
  email: string;
  /** Milliseconds since the epoch; git keeps seconds. */
  at: number;
}

export interface Commit {
  oid: string;
  tree: string;
  parents: string[];
  message: string;
  author: Person;
  committer: Person;
}

const person = (from: { name: string; email: string; timestamp: number }): Person => ({
  name: from.name,
  email: from.email,
  at: from.timestamp * 1000,
});
const signature = (from: Person) => ({
  name: from.name,
  email: from.email,
  timestamp: Math.floor(from.at / 1000),
  timezoneOffset: 0,
});

/** What the double of GitHub does with git. */
export interface GitStore {
  /** The object that a full ref name points to. */
  ref(name: string): Promise<string | undefined>;
  /** All refs whose full name starts with `prefix`, in order. */
  refs(prefix: string): Promise<{ ref: string; oid: string }[]>;
  setRef(ref: string, value: string): Promise<void>;
  deleteRef(ref: string): Promise<void>;
  commit(oid: string): Promise<Commit | undefined>;
  tree(oid: string): Promise<Entry[] | undefined>;
  blob(oid: string): Promise<Buffer | undefined>;
  writeBlob(content: Buffer): Promise<string>;
  writeTree(entries: Entry[]): Promise<string>;
  writeCommit(commit: Omit<Commit, "oid">): Promise<string>;
}

/** A bare repository on disk, where git itself can read and write it. */
export class Repository implements GitStore {
  readonly gitdir: string;
  readonly #cache = {};
  // Objects never change, so what was read once is right for good.
  readonly #commits = new Map<string, Commit>();
  readonly #trees = new Map<string, Entry[]>();
  readonly #blobs = new Map<string, Buffer>();

  private constructor(gitdir: string) {
    this.gitdir = gitdir;
  }

  /** An empty folder or a bare repository. */
  static async open(gitdir: string, branch: string): Promise<Repository> {
    if (!nodeFs.existsSync(`${gitdir}/HEAD`)) {
      await git.init({ fs: nodeFs, gitdir, bare: true, defaultBranch: branch });
    }
    return new Repository(gitdir);
  }

  get #at() {
    return { fs: nodeFs, gitdir: this.gitdir, cache: this.#cache };
  }

  /** The object that a full ref name points to. */
  async ref(name: string): Promise<string | undefined> {
    try {
      return await git.resolveRef({ ...this.#at, ref: name });
    } catch (error) {
      if (error instanceof git.Errors.NotFoundError) return undefined;
      throw error;
    }
  }

  /** All refs whose full name starts with `prefix`, in order. */
  async refs(prefix: string): Promise<{ ref: string; oid: string }[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/"));
    const names = (await git.listRefs({ ...this.#at, filepath: folder }))
      .map((name) => `${folder}/${name}`)
      .filter((name) => name.startsWith(prefix))
      .sort();
    const found = await Promise.all(names.map(async (ref) => ({ ref, oid: await this.ref(ref) })));
    return found.flatMap(({ ref, oid }) => (oid === undefined ? [] : [{ ref, oid }]));
  }

  async setRef(ref: string, value: string): Promise<void> {
    await git.writeRef({ ...this.#at, ref, value, force: true });
  }
  async deleteRef(ref: string): Promise<void> {
    await git.deleteRef({ ...this.#at, ref });
  }

  async commit(oid: string): Promise<Commit | undefined> {
    return this.#read(this.#commits, oid, async () => {
      const { commit } = await git.readCommit({ ...this.#at, oid });
      return {
        oid,
        tree: commit.tree,
        parents: commit.parent,
        message: commit.message,
        author: person(commit.author),
        committer: person(commit.committer),
      };
    });
  }
  async tree(oid: string): Promise<Entry[] | undefined> {
    return this.#read(this.#trees, oid, async () =>
      (await git.readTree({ ...this.#at, oid })).tree.map(({ mode, path, oid, type }) => ({ mode, path, oid, type })),
    );
  }
  async blob(oid: string): Promise<Buffer | undefined> {
    return this.#read(this.#blobs, oid, async () => Buffer.from((await git.readBlob({ ...this.#at, oid })).blob));
  }

  async #read<T>(known: Map<string, T>, oid: string, read: () => Promise<T>): Promise<T | undefined> {
    const had = known.get(oid);
    if (had !== undefined) return had;
    if (!/^[0-9a-f]{40}$/.test(oid)) return undefined;
    try {
      const value = await read();
      known.set(oid, value);
      return value;
    } catch (error) {
      if (error instanceof git.Errors.NotFoundError || error instanceof git.Errors.ObjectTypeError) return undefined;
      throw error;
    }
  }

  async writeBlob(content: Buffer): Promise<string> {
    const oid = await git.writeBlob({ ...this.#at, blob: content });
    this.#blobs.set(oid, content);
    return oid;
  }
  async writeTree(entries: Entry[]): Promise<string> {
    return git.writeTree({ ...this.#at, tree: entries });
  }
  async writeCommit(commit: Omit<Commit, "oid">): Promise<string> {
    return git.writeCommit({
      ...this.#at,
      commit: {
        message: commit.message,
        tree: commit.tree,
        parent: commit.parents,
        author: signature(commit.author),
        committer: signature(commit.committer),
      },
    });
  }
}
