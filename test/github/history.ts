import type { Commit, GitStore } from "./repository.ts";

/** A commit and all that it descends from, newest first by breadth. */
export async function ancestors(repository: GitStore, from: string): Promise<Map<string, Commit>> {
  const seen = new Map<string, Commit>();
  let next = [from];
  while (next.length > 0) {
    const after: string[] = [];
    for (const oid of next) {
      const commit = seen.has(oid) ? undefined : await repository.commit(oid);
      if (commit === undefined) continue;
      seen.set(oid, commit);
      after.push(...commit.parents);
    }
    next = after;
  }
  return seen;
}

export async function isAncestor(repository: GitStore, older: string, newer: string): Promise<boolean> {
  if (older === newer) return true;
  // What it most often is, with no walk to the root.
  const tip = await repository.commit(newer);
  if (tip?.parents.includes(older)) return true;
  return (await ancestors(repository, newer)).has(older);
}

/** The commits from `head` back to `base` where they are one line of a few: with no walk to the root. */
async function line(repository: GitStore, base: string, head: string): Promise<Commit[] | undefined> {
  const commits: Commit[] = [];
  for (let oid = head; commits.length < 50; ) {
    if (oid === base) return commits;
    const commit = await repository.commit(oid);
    const [parent] = commit?.parents ?? [];
    if (commit === undefined || parent === undefined || commit.parents.length > 1) return undefined;
    commits.push(commit);
    oid = parent;
  }
  return undefined;
}

/** The nearest common ancestor by breadth: what `git merge-base` says of histories with no criss-cross. */
export async function mergeBase(repository: GitStore, a: string, b: string): Promise<string | undefined> {
  if ((await line(repository, a, b)) !== undefined) return a;
  const of = await ancestors(repository, a);
  for (const oid of (await ancestors(repository, b)).keys()) if (of.has(oid)) return oid;
  return undefined;
}

/** The commits of `head` that `base` does not have, oldest first. */
export async function ahead(repository: GitStore, base: string, head: string): Promise<Commit[]> {
  const straight = await line(repository, base, head);
  if (straight !== undefined) return straight.reverse();
  const known = await ancestors(repository, base);
  return [...(await ancestors(repository, head)).values()].filter((commit) => !known.has(commit.oid)).reverse();
}
