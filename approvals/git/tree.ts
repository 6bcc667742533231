import { createHash } from "node:crypto";
import { Slices } from "../standing/slices.ts";
import type { Repository } from "./repository.ts";

const FOLDER = "exceptions";

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

/** The id that git gives a blob (gitformat-pack): of what is already written, without asking a process. */
export function blobId(text: string): string {
  return createHash("sha1")
    .update(`blob ${Buffer.byteLength(text)}\0`)
    .update(text)
    .digest("hex");
}

/** Reads a commit as the tip of main. */
export async function readTip(repository: Repository, commit: string): Promise<Tip> {
  const [text = ""] = await repository.read([commit]);
  const root = await repository.listTree(commit);
  const files = await filesIn(repository, commit, root);
  return { commit, tree: /^tree ([0-9a-f]{40})\n/.exec(text)?.[1] ?? "", root, files };
}

/** The `ls-tree` lines of the exception files of a commit. */
export async function filesAt(repository: Repository, commit: string): Promise<string[]> {
  return filesIn(repository, commit, await repository.listTree(commit));
}

async function filesIn(repository: Repository, commit: string, root: readonly string[]): Promise<string[]> {
  const folder = root.some((line) => line.endsWith(`\t${FOLDER}`));
  return folder ? repository.listTree(`${commit}:${FOLDER}`) : [];
}

/** Writes the tip's tree with one exception file added or replaced; the result still names the tip's commit. */
export function treeWithFile(repository: Repository, tip: Tip, name: string, blob: string): Promise<Tip> {
  return treeWithFiles(repository, tip, [[name, blob]]);
}

/** The same for several; a name without a blob is taken away. */
export async function treeWithFiles(
  repository: Repository,
  tip: Tip,
  changes: readonly (readonly [name: string, blob: string | undefined])[],
): Promise<Tip> {
  const lines = new Map(tip.files.map((line) => [line.slice(line.indexOf("\t") + 1), line]));
  for (const [name, blob] of changes) {
    const file = `${name}.yaml`;
    lines.delete(file);
    if (blob !== undefined) lines.set(file, `100644 blob ${blob}\t${file}`);
  }
  const files = [...lines.values()];
  const root = tip.root.filter((line) => !line.endsWith(`\t${FOLDER}`));
  // A folder without files is none.
  if (files.length > 0) root.push(`040000 tree ${await repository.writeTree(files)}\t${FOLDER}`);
  return { commit: tip.commit, tree: await repository.writeTree(root), root, files };
}

/** Of the lines of a tip: each look at a main that moved asks twice. */
const blobs = new WeakMap<readonly string[], ReadonlyMap<string, string>>();

/** The blobs of a tip's exception files, by their names without `.yaml`. */
export async function blobsOf({ files }: Tip): Promise<ReadonlyMap<string, string>> {
  const known = blobs.get(files);
  if (known !== undefined) return known;
  const slices = new Slices();
  const made = new Map<string, string>();
  for (const line of files) {
    if (slices.over) await slices.turn();
    const tab = line.indexOf("\t");
    made.set(line.slice(tab + 1).replace(/\.yaml$/, ""), line.slice(0, tab).split(" ")[2] ?? "");
  }
  blobs.set(files, made);
  return made;
}
