/** A file system in memory, as much of `fs.promises` as isomorphic-git asks of one: for runs of thousands of repositories. */
type Node = Buffer | Map<string, Node>;

function fail(code: string, path: string): never {
  throw Object.assign(new Error(`${code}: ${path}`), { code });
}

function stats(node: Node): object {
  const file = Buffer.isBuffer(node);
  return {
    isFile: () => file,
    isDirectory: () => !file,
    isSymbolicLink: () => false,
    size: file ? node.length : 0,
    mode: file ? 0o100644 : 0o040000,
    mtimeMs: 0,
    ctimeMs: 0,
  };
}

export class MemoryFs {
  readonly #root = new Map<string, Node>();
  // An own, enumerable property: by it isomorphic-git knows an fs of promises from one of callbacks.
  readonly promises = {
    readFile: async (path: string, options?: string | { encoding?: string }) => {
      const node = this.#find(path);
      if (!Buffer.isBuffer(node)) return fail(node === undefined ? "ENOENT" : "EISDIR", path);
      const encoding = typeof options === "string" ? options : options?.encoding;
      return encoding === undefined ? Buffer.from(node) : node.toString(encoding as BufferEncoding);
    },
    writeFile: async (path: string, data: string | Uint8Array) => {
      const { folder, name } = this.#parent(path);
      folder.set(name, Buffer.from(data as Uint8Array));
    },
    mkdir: async (path: string) => {
      const { folder, name } = this.#parent(path);
      if (folder.has(name)) return fail("EEXIST", path);
      folder.set(name, new Map());
    },
    rmdir: async (path: string) => this.#remove(path),
    unlink: async (path: string) => this.#remove(path),
    readdir: async (path: string) => {
      const node = this.#find(path);
      if (node === undefined || Buffer.isBuffer(node)) return fail(node === undefined ? "ENOENT" : "ENOTDIR", path);
      return [...node.keys()];
    },
    stat: async (path: string) => stats(this.#find(path) ?? fail("ENOENT", path)),
    lstat: async (path: string) => stats(this.#find(path) ?? fail("ENOENT", path)),
    readlink: async (path: string) => fail("EINVAL", path),
    symlink: async (_target: string, path: string) => fail("EPERM", path),
  };

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const part of path.split("/")) {
      if (part === "" || part === ".") continue;
      if (node === undefined || Buffer.isBuffer(node)) return undefined;
      node = node.get(part);
    }
    return node;
  }

  #parent(path: string): { folder: Map<string, Node>; name: string } {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    const name = parts.pop() ?? fail("EINVAL", path);
    const folder = this.#find(parts.join("/"));
    if (folder === undefined || Buffer.isBuffer(folder)) return fail("ENOENT", path);
    return { folder, name };
  }

  #remove(path: string): void {
    const { folder, name } = this.#parent(path);
    if (!folder.delete(name)) fail("ENOENT", path);
  }
}
