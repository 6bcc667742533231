import type { HubContext } from "./context.ts";
import { isAmbiguous, statusOf } from "./failures.ts";
import { anyShape, commitShape, createdShape, refShape } from "./wire.ts";

/** A tree with one file added; its id. */
export async function writeTree(home: HubContext, base_tree: string, path: string, content: string): Promise<string> {
  const tree = [{ path, mode: "100644", type: "blob", content }];
  const made = await home.client.send(
    "hold",
    "POST /repos/{owner}/{repo}/git/trees",
    { base_tree, tree },
    createdShape,
  );
  return made.sha;
}

export async function writeCommit(
  home: HubContext,
  priority: "use" | "hold",
  message: string,
  tree: string,
  parents: string[],
): Promise<string> {
  const route = "POST /repos/{owner}/{repo}/git/commits";
  return (await home.client.send(priority, route, { message, tree, parents }, createdShape)).sha;
}

/**
 * Creates a ref where there is none: GitHub's compare-and-swap. False where somebody was faster. What became of a
 * request without an answer is read back. Throws what GitHub answered otherwise.
 */
export async function createRef(
  home: HubContext,
  priority: "use" | "hold",
  ref: string,
  sha: string,
): Promise<boolean> {
  try {
    await home.client.send(priority, "POST /repos/{owner}/{repo}/git/refs", { ref: `refs/${ref}`, sha }, anyShape);
    return true;
  } catch (error) {
    if (statusOf(error) === 422) {
      // For a name that it does not take GitHub answers the same.
      if ((await refAt(home, ref)) !== undefined) return false;
      throw error;
    }
    if (!isAmbiguous(error)) throw error;
    const found = await refAt(home, ref);
    if (found === undefined) throw error;
    return found === sha;
  }
}

export async function refAt(home: HubContext, ref: string): Promise<string | undefined> {
  const found = await home.client.find("GET /repos/{owner}/{repo}/git/ref/{ref}", { ref }, refShape);
  return found?.ref === `refs/${ref}` ? found.object.sha : undefined;
}

/** What is read of a commit. */
export async function commitAt(
  home: HubContext,
  commit_sha: string,
): Promise<{ message: string; tree: string; parents: { sha: string }[] }> {
  const { message, tree, parents } = await home.client.get(
    "GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
    { commit_sha },
    commitShape,
  );
  return { message, tree: tree.sha, parents };
}

/** Refs below a prefix, without it, and what they point to. */
export async function refsBelow(home: HubContext, prefix: string): Promise<Map<string, string>> {
  const found = await home.client.list("GET /repos/{owner}/{repo}/git/matching-refs/{ref}", { ref: prefix }, refShape);
  const start = `refs/${prefix}`;
  return new Map(
    found.filter(({ ref }) => ref.startsWith(start)).map(({ ref, object }) => [ref.slice(start.length), object.sha]),
  );
}
