import type { Entry, GitStore } from "./repository.ts";

/** A file as a tree names it. */
export interface File {
  mode: string;
  oid: string;
}
export interface Change {
  path: string;
  from?: File;
  to?: File;
}

const EMPTY: Entry[] = [];

async function entries(repository: GitStore, tree: string | undefined): Promise<Map<string, Entry>> {
  const read = tree === undefined ? EMPTY : ((await repository.tree(tree)) ?? EMPTY);
  return new Map(read.map((entry) => [entry.path, entry]));
}

/** The entry at a path of a tree; "" is the tree itself. */
export async function lookUp(repository: GitStore, tree: string, path: string): Promise<Entry | undefined> {
  let found: Entry | undefined = { mode: "040000", path: "", oid: tree, type: "tree" };
  for (const part of path.split("/").filter((part) => part !== "")) {
    if (found?.type !== "tree") return undefined;
    found = (await repository.tree(found.oid))?.find((entry) => entry.path === part);
  }
  return found;
}

/** All entries of a tree by their whole path; folders as well where `folders`. */
export async function walk(repository: GitStore, tree: string, folders = false, under = ""): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const entry of (await repository.tree(tree)) ?? EMPTY) {
    const path = under + entry.path;
    if (entry.type !== "tree" || folders) found.push({ ...entry, path });
    if (entry.type === "tree") found.push(...(await walk(repository, entry.oid, folders, `${path}/`)));
  }
  return found;
}

/** A tree with some files set (null: removed); folders that are left empty go. Undefined: nothing is left. */
export async function edit(
  repository: GitStore,
  tree: string | undefined,
  changes: ReadonlyMap<string, File | null>,
): Promise<string | undefined> {
  const now = await entries(repository, tree);
  const deeper = new Map<string, Map<string, File | null>>();
  for (const [path, file] of changes) {
    const slash = path.indexOf("/");
    if (slash >= 0) {
      const folder = path.slice(0, slash);
      const of = deeper.get(folder) ?? new Map<string, File | null>();
      deeper.set(folder, of.set(path.slice(slash + 1), file));
    } else if (file === null) now.delete(path);
    else now.set(path, { path, ...file, type: file.mode === "040000" ? "tree" : "blob" });
  }
  for (const [folder, of] of deeper) {
    const had = now.get(folder);
    const oid = await edit(repository, had?.type === "tree" ? had.oid : undefined, of);
    if (oid === undefined) now.delete(folder);
    else now.set(folder, { mode: "040000", path: folder, oid, type: "tree" });
  }
  return now.size === 0 ? undefined : repository.writeTree([...now.values()]);
}

/** The files in which two trees differ. */
export async function diff(
  repository: GitStore,
  from: string | undefined,
  to: string | undefined,
  under = "",
): Promise<Change[]> {
  if (from === to) return [];
  const [before, after] = await Promise.all([entries(repository, from), entries(repository, to)]);
  const changes: Change[] = [];
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const [a, b] = [before.get(name), after.get(name)];
    if (a?.oid === b?.oid && a?.mode === b?.mode) continue;
    const [folderA, folderB] = [a?.type === "tree" ? a.oid : undefined, b?.type === "tree" ? b.oid : undefined];
    if (folderA !== undefined || folderB !== undefined) {
      changes.push(...(await diff(repository, folderA, folderB, `${under}${name}/`)));
    }
    const [fileA, fileB] = [a?.type === "blob" ? a : undefined, b?.type === "blob" ? b : undefined];
    if (fileA !== undefined || fileB !== undefined) {
      changes.push({
        path: under + name,
        ...(fileA && { from: { mode: fileA.mode, oid: fileA.oid } }),
        ...(fileB && { to: { mode: fileB.mode, oid: fileB.oid } }),
      });
    }
  }
  return changes;
}

/** A three-way merge by whole files; undefined where both sides changed one file in two ways. */
export async function merge(
  repository: GitStore,
  base: string | undefined,
  ours: string,
  theirs: string,
): Promise<string | undefined> {
  const mine = new Map((await diff(repository, base, ours)).map((change) => [change.path, change]));
  const taken = new Map<string, File | null>();
  for (const change of await diff(repository, base, theirs)) {
    const other = mine.get(change.path);
    if (other === undefined) taken.set(change.path, change.to ?? null);
    else if (other.to?.oid !== change.to?.oid || other.to?.mode !== change.to?.mode) return undefined;
  }
  return (await edit(repository, ours, taken)) ?? repository.writeTree([]);
}
