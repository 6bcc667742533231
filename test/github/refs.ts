import { isAncestor, mergeBase } from "./history.ts";
import { Fault, type Pull, type State, type User } from "./state.ts";

export const NONE = "0".repeat(40);

/** git-check-ref-format(1), and what GitHub adds: nobody writes refs/pull/. */
export function checkRefName(ref: string): void {
  const bad =
    !ref.startsWith("refs/") ||
    ref.split("/").length < 3 ||
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what git refuses
    /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$|\/\.|\.lock(\/|$)/.test(ref) ||
    ref.startsWith("refs/pull/") ||
    /^refs\/heads\/[0-9a-fA-F]{40}$/.test(ref);
  if (bad) throw new Fault(422, "Reference name is not well-formed.");
}

async function conflicts(state: State, ref: string): Promise<boolean> {
  const parts = ref.split("/");
  for (let i = 3; i < parts.length; i += 1) {
    if ((await state.git.ref(parts.slice(0, i).join("/"))) !== undefined) return true;
  }
  return (await state.git.refs(`${ref}/`)).length > 0;
}

/** Creates a ref where none is: of two at once, one gets 422. */
export async function createRef(state: State, ref: string, sha: string, by: User): Promise<void> {
  checkRefName(ref);
  if ((await state.git.ref(ref)) !== undefined) throw new Fault(422, "Reference already exists");
  if ((await state.git.commit(sha)) === undefined) throw new Fault(422, "Object does not exist");
  if (await conflicts(state, ref)) throw new Fault(422, "Reference update failed");
  await state.git.setRef(ref, sha);
  state.announce("push", undefined, { sender: by, ref: { ref, before: NONE, after: sha } });
}

/** Moves a ref; `force`: to what does not descend from it. */
export async function updateRef(state: State, ref: string, sha: string, by: User, force = false): Promise<void> {
  const before = await state.git.ref(ref);
  if (before === undefined) throw new Fault(422, "Reference does not exist");
  if ((await state.git.commit(sha)) === undefined) throw new Fault(422, "Object does not exist");
  const forward = await isAncestor(state.git, before, sha);
  if (!forward && !force) throw new Fault(422, "Update is not a fast forward");
  if (ref === `refs/heads/${state.branch}` && state.protection !== undefined) {
    throw new Fault(422, "Changes must be made through a pull request.");
  }
  await moved(state, ref, before, sha, by);
}

/** A move that has been allowed already (a merge, a push), and all that follows of it for pull requests. */
export async function moved(state: State, ref: string, before: string, after: string, by: User): Promise<void> {
  await state.git.setRef(ref, after);
  state.announce("push", undefined, { sender: by, ref: { ref, before, after } });
  await syncPulls(state, by);
}

export async function deleteRef(state: State, ref: string, by: User): Promise<void> {
  const before = await state.git.ref(ref);
  if (before === undefined) throw new Fault(422, "Reference does not exist");
  if (ref === `refs/heads/${state.branch}`) throw new Fault(422, "Cannot delete the default branch");
  await state.git.deleteRef(ref);
  state.announce("push", undefined, { sender: by, ref: { ref, before, after: NONE } });
  await syncPulls(state, by);
}

/**
 * Brings open pull requests in line with their branches, however these moved (by the API, or by git on disk): a push
 * moves the head, a branch that is gone closes, and a head that the base has got is merged.
 */
export async function syncPulls(state: State, by: User): Promise<void> {
  for (const pull of state.pulls.values()) {
    if (pull.state !== "open") continue;
    const head = await state.git.ref(`refs/heads/${pull.headRef}`);
    if (head === undefined) {
      await close(state, pull, by);
      continue;
    }
    if (head !== pull.headSha) {
      pull.headSha = head;
      if (state.protection?.dismissStale) {
        for (const review of pull.reviews) if (review.state === "APPROVED") review.state = "DISMISSED";
      }
      state.touch(pull);
      state.announce("pull_request", "synchronize", { sender: by, pull });
    }
    const base = await state.git.ref(`refs/heads/${pull.baseRef}`);
    if (base === undefined || base === pull.baseSha) continue;
    if (await isAncestor(state.git, pull.headSha, base)) await setMerged(state, pull, pull.headSha, by);
  }
}

export async function close(state: State, pull: Pull, by: User): Promise<void> {
  const base = await state.git.ref(`refs/heads/${pull.baseRef}`);
  const common = base === undefined ? undefined : await mergeBase(state.git, base, pull.headSha);
  if (common !== undefined) pull.mergeBase = common;
  pull.state = "closed";
  pull.closedAt = state.now();
  pull.closedBy = by;
  state.note(pull, "closed", by);
  state.touch(pull);
  state.announce("pull_request", "closed", { sender: by, pull });
}

export async function setMerged(state: State, pull: Pull, commit: string, by: User): Promise<void> {
  pull.mergeBase ??= (await mergeBase(state.git, pull.baseSha, pull.headSha)) ?? pull.baseSha;
  pull.state = "closed";
  pull.closedAt = state.now();
  pull.closedBy = by;
  pull.mergedAt = pull.closedAt;
  pull.mergedBy = by;
  pull.mergeCommit = commit;
  state.note(pull, "merged", by);
  state.note(pull, "closed", by);
  state.touch(pull);
  state.announce("pull_request", "closed", { sender: by, pull });
}
