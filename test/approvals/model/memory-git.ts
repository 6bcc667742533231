import { createHash } from "node:crypto";
import { type RefChange, RefConflict, Repository } from "../../../approvals/git/repository.ts";

interface Stored {
  type: "blob" | "commit" | "tree";
  text: string;
}

function idOf({ type, text }: Stored): string {
  return createHash("sha1")
    .update(`${type} ${Buffer.byteLength(text)}\0`)
    .update(text)
    .digest("hex");
}

/** A bare repository in memory, for sequences by the thousand: what approvals/git asks of git, with git's own ids. */
export class MemoryGit extends Repository {
  readonly #objects = new Map<string, Stored>();
  readonly #refs = new Map<string, string>();

  constructor() {
    super("/nowhere");
  }

  override async ensure(): Promise<boolean> {
    return this.#refs.size === 0;
  }

  override async write(type: "blob" | "commit", text: string): Promise<string> {
    return this.#store(type, text);
  }

  override async writeBlobs(texts: readonly string[]): Promise<void> {
    for (const text of texts) this.#store("blob", text);
  }

  override async writeTree(lines: string[]): Promise<string> {
    return this.#store("tree", lines.toSorted().join("\n"));
  }

  override async listTree(treeish: string): Promise<string[]> {
    const { text } = this.#find(treeish, true) ?? { text: "" };
    return text.split("\n").filter((line) => line !== "");
  }

  override async read(names: string[]): Promise<(string | undefined)[]> {
    return names.map((name) => this.#find(name, false)?.text);
  }

  override async refs(...args: string[]): Promise<[string, string][]> {
    const prefixes = args.filter((arg) => !arg.startsWith("--"));
    const under = (ref: string, prefix: string): boolean =>
      ref === prefix || ref.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
    const found = [...this.#refs]
      .filter(([ref]) => prefixes.length === 0 || prefixes.some((prefix) => under(ref, prefix)))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const date = (oid: string): number =>
      Number(/^committer .* (\d+) /m.exec(this.#objects.get(oid)?.text ?? "")?.[1] ?? 0);
    return args.includes("--sort=committerdate") ? found.sort(([, a], [, b]) => date(a) - date(b)) : found;
  }

  override async ref(name: string): Promise<string | undefined> {
    return this.#refs.get(name);
  }

  override async resolve(names: readonly string[]): Promise<(string | undefined)[]> {
    return names.map((name) => {
      const found = this.#find(name, false);
      return found && idOf(found);
    });
  }

  override async isAncestor(from: string, to: string): Promise<boolean> {
    return this.#objects.has(from) && (await this.firstParents(to, Number.POSITIVE_INFINITY)).includes(from);
  }

  override async firstParents(ref: string, limit: number): Promise<string[]> {
    const line: string[] = [];
    for (let at = this.#refs.get(ref) ?? ref; at !== undefined && line.length < limit; ) {
      line.push(at);
      at = /^parent ([0-9a-f]{40})$/m.exec(this.#objects.get(at)?.text.split("\n\n")[0] ?? "")?.[1] as string;
    }
    return line;
  }

  override async swap(changes: RefChange[]): Promise<void> {
    const wrong = changes.find(({ ref, from }) => (this.#refs.get(ref) ?? "") !== from);
    if (wrong !== undefined) throw new RefConflict(new Error(`${wrong.ref} is not ${wrong.from || "absent"}`));
    for (const { ref, to } of changes) {
      if (to === "") this.#refs.delete(ref);
      else this.#refs.set(ref, to);
    }
  }

  #store(type: Stored["type"], text: string): string {
    const oid = createHash("sha1")
      .update(`${type} ${Buffer.byteLength(text)}\0`)
      .update(text)
      .digest("hex");
    this.#objects.set(oid, { type, text });
    return oid;
  }

  /** `<id or ref>[:<path>]`; `peel` a commit to its tree. */
  #find(name: string, peel: boolean): Stored | undefined {
    const [start = "", path] = name.split(":");
    let found = this.#objects.get(this.#refs.get(start) ?? start);
    const steps = path === undefined ? [] : path.split("/").filter((part) => part !== "");
    if (found?.type === "commit" && (peel || path !== undefined)) found = this.#objects.get(found.text.slice(5, 45));
    for (const step of steps) {
      const line = found?.text.split("\n").find((one) => one.endsWith(`\t${step}`));
      found = this.#objects.get(line?.split(/[ \t]/)[2] ?? "");
    }
    return found;
  }
}
