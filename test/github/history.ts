import type { Commit, Repository } from "./repository.ts";

/** A commit and all that it descends from, newest first by breadth. */
export async function ancestors(repository: Repository, from: string): Promise<Map<string, Commit>> {
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

export async function isAncestor(repository: Repository, older: string, newer: string): Promise<boolean> {
  if (older === newer) return true;
  // What it most often is, with no walk to the root.
  const tip = await repository.commit(newer);
  if (tip?.parents.includes(older)) return true;
  return (await ancestors(repository, newer)).has(older);
}

/** The nearest common ancestor by breadth: what `git merge-base` says of histories with no criss-cross. */
export async function mergeBase(repository: Repository, a: string, b: string): Promise<string | undefined> {
  const of = await ancestors(repository, a);
  for (const oid of (await ancestors(repository, b)).keys()) if (of.has(oid)) return oid;
  return undefined;
}

/** The commits of `head` that `base` does not have, oldest first. */
export async function ahead(repository: Repository, base: string, head: string): Promise<Commit[]> {
  const known = await ancestors(repository, base);
  return [...(await ancestors(repository, head)).values()].filter((commit) => !known.has(commit.oid)).reverse();
}
