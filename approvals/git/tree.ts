import { createHash } from "node:crypto";
import type { Repository } from "./repository.ts";

const FOLDER = "exceptions";
const MAIN = "refs/heads/main";

/**
 * A commit and its tree as `ls-tree` lines. Kept in memory for the tip of main, since each git process costs
 * 4 ms and more; whether it is still the tip is for the compare-and-swap to say.
 */
export interface Tip {
  commit: string;
  tree: string;
  root: string[];
  files: string[];
}

/** Where an exception's file stands at the tip of main, as `git cat-file` names it. */
export function fileAtMain(name: string): string {
  return `${MAIN}:${FOLDER}/${name}.yaml`;
}

/** The id that git gives a blob (gitformat-pack): of what is already written, without asking a process. */
export function blobId(text: string): string {
  return createHash("sha1")
    .update(`blob ${Buffer.byteLength(text)}\0`)
    .update(text)
    .digest("hex");
}

/** Reads the tip of main. Throws where there is none. */
export async function readTip(repository: Repository): Promise<Tip> {
  const commit = await repository.ref(MAIN);
  if (commit === undefined) throw new Error("the approvals repository has lost its branch main");
  const [text = ""] = await repository.read([commit]);
  const root = await repository.listTree(commit);
  const folder = root.some((line) => line.endsWith(`\t${FOLDER}`));
  const files = folder ? await repository.listTree(`${commit}:${FOLDER}`) : [];
  return { commit, tree: /^tree ([0-9a-f]{40})\n/.exec(text)?.[1] ?? "", root, files };
}

/** Writes the tip's tree with one exception file added or replaced; the result still names the tip's commit. */
export async function treeWithFile(repository: Repository, tip: Tip, name: string, blob: string): Promise<Tip> {
  const file = `${name}.yaml`;
  const files = [...tip.files.filter((line) => !line.endsWith(`\t${file}`)), `100644 blob ${blob}\t${file}`];
  const folder = `040000 tree ${await repository.writeTree(files)}\t${FOLDER}`;
  const root = [...tip.root.filter((line) => !line.endsWith(`\t${FOLDER}`)), folder];
  return { commit: tip.commit, tree: await repository.writeTree(root), root, files };
}
