import { createHash } from "node:crypto";
import type { Commit, Entry, GitStore, Person } from "./repository.ts";

const MOST = 200_000;
/** An object's id by what it is made of: thousands of repositories have the same ones. */
const ids = new Map<string, string>();

function idOf(type: string, content: Buffer): string {
  const key = `${type} ${content.toString("latin1")}`;
  let id = ids.get(key);
  if (id === undefined) {
    id = createHash("sha1").update(`${type} ${content.length}\0`).update(content).digest("hex");
    if (ids.size > MOST) ids.clear();
    ids.set(key, id);
  }
  return id;
}

const seconds = (person: Person): Person => ({ ...person, at: Math.floor(person.at / 1000) * 1000 });
const line = ({ name, email, at }: Person): string => `${name} <${email}> ${at / 1000} +0000`;

/** A repository in memory, with git's own ids and nothing for git to read: for runs of thousands. */
export class MemoryRepository implements GitStore {
  readonly #refs = new Map<string, string>();
  readonly #commits = new Map<string, Commit>();
  readonly #trees = new Map<string, Entry[]>();
  readonly #blobs = new Map<string, Buffer>();

  async ref(name: string): Promise<string | undefined> {
    return this.#refs.get(name);
  }

  async refs(prefix: string): Promise<{ ref: string; oid: string }[]> {
    return [...this.#refs]
      .filter(([ref]) => ref.startsWith(prefix))
      .map(([ref, oid]) => ({ ref, oid }))
      .sort((a, b) => (a.ref < b.ref ? -1 : 1));
  }

  async setRef(ref: string, value: string): Promise<void> {
    this.#refs.set(ref, value);
  }

  async deleteRef(ref: string): Promise<void> {
    this.#refs.delete(ref);
  }

  async commit(oid: string): Promise<Commit | undefined> {
    return this.#commits.get(oid);
  }

  async tree(oid: string): Promise<Entry[] | undefined> {
    return this.#trees.get(oid);
  }

  async blob(oid: string): Promise<Buffer | undefined> {
    return this.#blobs.get(oid);
  }

  async writeBlob(content: Buffer): Promise<string> {
    const oid = idOf("blob", content);
    this.#blobs.set(oid, content);
    return oid;
  }

  /** In git's order: a folder sorts as if its name ended with a slash. */
  async writeTree(entries: Entry[]): Promise<string> {
    const name = ({ path, type }: Entry): string => (type === "tree" ? `${path}/` : path);
    const sorted = entries.toSorted((a, b) => Buffer.compare(Buffer.from(name(a)), Buffer.from(name(b))));
    const parts = sorted.flatMap(({ mode, path, oid }) => [
      Buffer.from(`${mode.replace(/^0/, "")} ${path}\0`),
      Buffer.from(oid, "hex"),
    ]);
    const oid = idOf("tree", Buffer.concat(parts));
    this.#trees.set(oid, sorted);
    return oid;
  }

  async writeCommit(commit: Omit<Commit, "oid">): Promise<string> {
    // As isomorphic-git writes it: with one line's end, and no other kind of it.
    const message = `${commit.message.replaceAll("\r", "").replace(/^\n+|\n+$/g, "")}\n`;
    const [author, committer] = [seconds(commit.author), seconds(commit.committer)];
    const text = [
      `tree ${commit.tree}`,
      ...commit.parents.map((parent) => `parent ${parent}`),
      `author ${line(author)}`,
      `committer ${line(committer)}`,
      "",
      message,
    ].join("\n");
    const oid = idOf("commit", Buffer.from(text));
    this.#commits.set(oid, { ...commit, oid, message, author, committer });
    return oid;
  }
}
