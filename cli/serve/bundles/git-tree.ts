import type { GitMirror } from "./git.ts";

export interface TreeFile {
  /** Below the path that was asked for; "" where that is a file itself. */
  path: string;
  content: Buffer;
}

const MAX_FILES = 5_000;
const PLAIN = new Set(["100644", "100755"]);

/**
 * The files of a commit below a path, byte for byte: no attribute, filter or checkout has a say. Throws where there
 * is nothing, too much, or anything but plain files: a link could name a file of the gateway's own host.
 */
export async function readTree(git: GitMirror, commit: string, path: string, maxBytes: number): Promise<TreeFile[]> {
  const args = ["ls-tree", "-r", "-z", "--long", "--full-tree", commit, ...(path === "" ? [] : ["--", path])];
  const entries = (await git.run(args))
    .toString("utf8")
    .split("\0")
    .filter((line) => line !== "");
  const named = `${path === "" ? "the root" : path} of commit ${commit.slice(0, 12)}`;
  if (entries.length === 0) throw git.failure(`there is nothing at ${named}`, 1);
  if (entries.length > MAX_FILES) throw git.failure(`${named} has more than ${MAX_FILES} files`, 1);
  let total = 0;
  const files = entries.map((line) => {
    const [meta = "", name = ""] = line.split("\t", 2);
    const [mode = "", , id = "", size = ""] = meta.split(/\s+/);
    if (!PLAIN.has(mode)) throw git.failure(`${name} of ${named} is no plain file (mode ${mode})`, 1);
    total += Number(size);
    return { id, size: Number(size), path: name === path ? "" : name.slice(path === "" ? 0 : path.length + 1) };
  });
  if (total > maxBytes) throw git.failure(`${named} is larger than policy.fetch.maxBytes, ${maxBytes} bytes`, 1);
  const all = await git.run(["cat-file", "--batch"], { input: files.map(({ id }) => `${id}\n`).join("") });
  let at = 0;
  return files.map(({ path: name, size, id }) => {
    // `<id> blob <size>\n<content>\n`
    const content = all.indexOf(0x0a, at) + 1;
    if (all.toString("utf8", at, content) !== `${id} blob ${size}\n`) throw git.failure(`object ${id} cannot be read`);
    at = content + size + 1;
    return { path: name, content: all.subarray(content, content + size) };
  });
}
