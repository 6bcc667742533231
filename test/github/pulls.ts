import ignore from "ignore";
import { ahead, mergeBase } from "./history.ts";
import { close, deleteRef, moved, setMerged } from "./refs.ts";
import type { Commit } from "./repository.ts";
import { type Comment, Fault, invalid, type Pull, type Review, type State, type User } from "./state.ts";
import { type Change, diff, lookUp, merge } from "./trees.ts";

/** What people and gateways do to pull requests, whether by the API or by `as(login)`. */
const LONGEST = 65_536;
const tooLong = (resource: string, body: string | null | undefined) => {
  if ([...(body ?? "")].length > LONGEST) {
    throw invalid(resource, "body", "custom", `body is too long (maximum is ${LONGEST} characters)`);
  }
};

export interface NewPull {
  title: string;
  body?: string | null;
  head: string;
  base: string;
  draft?: boolean;
}

export async function openPull(state: State, user: User, wanted: NewPull): Promise<Pull> {
  const headRef = wanted.head.includes(":") ? wanted.head.slice(wanted.head.indexOf(":") + 1) : wanted.head;
  if (wanted.title.trim() === "") throw invalid("PullRequest", "title", "missing_field");
  if ([...wanted.title].length > 256) {
    throw invalid("PullRequest", "title", "custom", "title is too long (maximum is 256 characters)");
  }
  tooLong("PullRequest", wanted.body);
  const headSha = await state.git.ref(`refs/heads/${headRef}`);
  const baseSha = await state.git.ref(`refs/heads/${wanted.base}`);
  if (headSha === undefined) throw invalid("PullRequest", "head", "invalid");
  if (baseSha === undefined) throw invalid("PullRequest", "base", "invalid");
  for (const pull of state.pulls.values()) {
    if (pull.state === "open" && pull.headRef === headRef && pull.baseRef === wanted.base) {
      const message = `A pull request already exists for ${state.owner}:${headRef}.`;
      throw new Fault(422, "Validation Failed", [{ resource: "PullRequest", code: "custom", message }]);
    }
  }
  if ((await ahead(state.git, baseSha, headSha)).length === 0) {
    const message = `No commits between ${wanted.base} and ${headRef}`;
    throw new Fault(422, "Validation Failed", [{ resource: "PullRequest", code: "custom", message }]);
  }
  const now = state.now();
  const pull: Pull = {
    number: state.number(),
    id: state.id(),
    user,
    title: wanted.title,
    body: wanted.body ?? null,
    state: "open",
    draft: wanted.draft ?? false,
    headRef,
    headSha,
    baseRef: wanted.base,
    baseSha,
    createdAt: now,
    updatedAt: now,
    touched: state.id(),
    labels: [],
    reviews: [],
    comments: [],
    events: [],
  };
  state.pulls.set(pull.number, pull);
  state.announce("pull_request", "opened", { sender: user, pull });
  return pull;
}

async function baseOf(state: State, pull: Pull): Promise<string> {
  if (pull.mergeBase !== undefined) return pull.mergeBase;
  const base = (await state.git.ref(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha;
  return (await mergeBase(state.git, base, pull.headSha)) ?? base;
}

export async function pullCommits(state: State, pull: Pull): Promise<Commit[]> {
  return ahead(state.git, await baseOf(state, pull), pull.headSha);
}

export async function pullFiles(state: State, pull: Pull): Promise<Change[]> {
  const [base, head] = await Promise.all([
    baseOf(state, pull).then((oid) => state.git.commit(oid)),
    state.git.commit(pull.headSha),
  ]);
  return diff(state.git, base?.tree, head?.tree);
}

export interface NewReview {
  event?: string;
  body?: string | null;
  commitId?: string;
}
const STATES = { APPROVE: "APPROVED", REQUEST_CHANGES: "CHANGES_REQUESTED", COMMENT: "COMMENTED" } as const;

export async function review(state: State, pull: Pull, user: User, wanted: NewReview): Promise<Review> {
  const event = wanted.event;
  if (event !== "APPROVE" && event !== "REQUEST_CHANGES" && event !== "COMMENT") {
    throw new Fault(422, "The double of GitHub keeps no pending reviews: name an event");
  }
  tooLong("PullRequestReview", wanted.body);
  const own = pull.user.login.toLowerCase() === user.login.toLowerCase();
  if (own && event !== "COMMENT") {
    const what = event === "APPROVE" ? "approve" : "request changes on";
    throw new Fault(422, `Review Can not ${what} your own pull request`);
  }
  if (event !== "APPROVE" && (wanted.body ?? "") === "") throw new Fault(422, "Review body can't be blank");
  const commitId = wanted.commitId ?? pull.headSha;
  if ((await state.git.commit(commitId)) === undefined) {
    throw new Fault(422, "The commit_id is not part of the pull request");
  }
  const made: Review = {
    id: state.id(),
    user,
    body: wanted.body ?? "",
    state: STATES[event],
    commitId,
    submittedAt: state.now(),
  };
  pull.reviews.push(made);
  state.touch(pull);
  state.announce("pull_request_review", "submitted", { sender: user, pull, review: made });
  return made;
}

export function dismiss(state: State, pull: Pull, user: User, id: number): Review {
  const found = pull.reviews.find((one) => one.id === id);
  if (found === undefined) throw new Fault(404, "Not Found");
  if (found.state !== "APPROVED" && found.state !== "CHANGES_REQUESTED") {
    throw new Fault(422, `Can not dismiss a ${found.state.toLowerCase()} pull request review`);
  }
  found.state = "DISMISSED";
  state.touch(pull);
  state.announce("pull_request_review", "dismissed", { sender: user, pull, review: found });
  return found;
}

export function comment(state: State, pull: Pull, user: User, body: string): Comment {
  if (body.trim() === "") throw invalid("IssueComment", "body", "missing_field");
  tooLong("IssueComment", body);
  const now = state.now();
  const made: Comment = { id: state.id(), user, body, createdAt: now, updatedAt: now };
  pull.comments.push(made);
  state.touch(pull);
  state.announce("issue_comment", "created", { sender: user, pull, comment: made });
  return made;
}

export interface Edit {
  title?: string;
  body?: string | null;
  state?: string;
  base?: string;
}

export async function editPull(state: State, pull: Pull, user: User, wanted: Edit): Promise<void> {
  tooLong("PullRequest", wanted.body);
  if (wanted.base !== undefined && (await state.git.ref(`refs/heads/${wanted.base}`)) === undefined) {
    throw invalid("PullRequest", "base", "invalid");
  }
  if (wanted.state === "open" && pull.state === "closed") {
    if (pull.mergedAt !== undefined) throw invalid("PullRequest", "state", "custom", "state cannot be changed.");
    const head = await state.git.ref(`refs/heads/${pull.headRef}`);
    if (head === undefined) throw invalid("PullRequest", "state", "custom", "The head branch was deleted.");
    pull.state = "open";
    for (const key of ["closedAt", "closedBy", "mergeBase"] as const) delete pull[key];
    state.note(pull, "reopened", user);
    state.announce("pull_request", "reopened", { sender: user, pull });
  }
  if (wanted.title !== undefined) pull.title = wanted.title;
  if (wanted.body !== undefined) pull.body = wanted.body;
  if (wanted.base !== undefined) pull.baseRef = wanted.base;
  state.touch(pull);
  if (wanted.title !== undefined || wanted.body !== undefined || wanted.base !== undefined) {
    state.announce("pull_request", "edited", { sender: user, pull });
  }
  if (wanted.state === "closed" && pull.state === "open") await close(state, pull, user);
}

export function setLabels(state: State, pull: Pull, user: User, names: string[]): void {
  for (const name of names) {
    if (name === "" || name.length > 50) throw invalid("Label", "name", "invalid");
  }
  const wanted = names.map((name) => state.label(name).name);
  const added = wanted.some((name) => !pull.labels.includes(name));
  pull.labels = [...new Set(wanted)];
  state.touch(pull);
  state.announce("pull_request", added ? "labeled" : "unlabeled", { sender: user, pull });
}

/** The owners that CODEOWNERS on the base branch names for a file: the last line that matches. */
export async function ownersOf(state: State, tree: string, path: string): Promise<string[]> {
  for (const place of [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"]) {
    const entry = await lookUp(state.git, tree, place);
    if (entry?.type !== "blob") continue;
    const lines = ((await state.git.blob(entry.oid)) ?? Buffer.alloc(0)).toString().split("\n");
    let owners: string[] = [];
    for (const line of lines.map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "")) {
      const [pattern = "", ...named] = line.split(/\s+/);
      if (ignore().add(pattern).ignores(path)) owners = named;
    }
    return owners;
  }
  return [];
}

function owns(state: State, owner: string, login: string): boolean {
  const name = owner.replace(/^@/, "").toLowerCase();
  return name === login || state.teams.get(name)?.get(login) === "active";
}

async function checkProtection(state: State, pull: Pull): Promise<void> {
  const { protection } = state;
  if (protection === undefined || pull.baseRef !== state.branch) return;
  const newest = new Map<string, Review>();
  for (const one of pull.reviews) {
    if (one.state !== "COMMENTED") newest.set(one.user.login.toLowerCase(), one);
  }
  const approvers = [...newest.values()].filter((one) => one.state === "APPROVED");
  if ([...newest.values()].some((one) => one.state === "CHANGES_REQUESTED")) {
    throw new Fault(405, "Changes have been requested.");
  }
  if (approvers.length < protection.reviews) {
    throw new Fault(405, `At least ${protection.reviews} approving review is required by reviewers with write access.`);
  }
  if (!protection.codeOwners) return;
  const base = await state.git.commit((await state.git.ref(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha);
  if (base === undefined) return;
  for (const { path } of await pullFiles(state, pull)) {
    const owners = await ownersOf(state, base.tree, path);
    const met = approvers.some((one) => owners.some((owner) => owns(state, owner, one.user.login.toLowerCase())));
    if (owners.length > 0 && !met) throw new Fault(405, "Waiting on code owner review.");
  }
}

export interface MergeTerms {
  method?: string;
  sha?: string;
  title?: string;
  message?: string;
}

/** Whether it would merge, and into what tree. */
export async function mergedTree(state: State, pull: Pull): Promise<string | undefined> {
  const base = await state.git.ref(`refs/heads/${pull.baseRef}`);
  const [ours, theirs, common] = await Promise.all([
    base === undefined ? undefined : state.git.commit(base),
    state.git.commit(pull.headSha),
    baseOf(state, pull).then((oid) => state.git.commit(oid)),
  ]);
  if (ours === undefined || theirs === undefined) return undefined;
  return merge(state.git, common?.tree, ours.tree, theirs.tree);
}

export async function mergePull(state: State, pull: Pull, user: User, terms: MergeTerms = {}): Promise<string> {
  if (pull.mergedAt !== undefined || pull.state !== "open") throw new Fault(405, "Pull Request is not mergeable");
  if (terms.sha !== undefined && terms.sha !== pull.headSha) {
    throw new Fault(409, "Head branch was modified. Review and try the merge again.");
  }
  const method = terms.method ?? "merge";
  const allowed = {
    merge: state.settings.allowMerge,
    squash: state.settings.allowSquash,
    rebase: state.settings.allowRebase,
  };
  if (!Object.hasOwn(allowed, method)) throw invalid("PullRequest", "merge_method", "invalid");
  if (!allowed[method as keyof typeof allowed]) {
    throw new Fault(405, `${method === "merge" ? "Merge commits" : method} are not allowed on this repository.`);
  }
  if (pull.draft) throw new Fault(405, "Pull Request is still a draft");
  await checkProtection(state, pull);
  const tree = await mergedTree(state, pull);
  const base = await state.git.ref(`refs/heads/${pull.baseRef}`);
  if (tree === undefined || base === undefined) throw new Fault(405, "Pull Request has merge conflicts");
  pull.mergeBase = await baseOf(state, pull);
  const who = { name: user.login, email: `${user.id}+${user.login}@users.noreply.github.com`, at: state.now() };
  const write = (message: string, parents: string[], author = who) =>
    state.git.writeCommit({ tree, parents, message, author, committer: who });
  let commit: string;
  if (method === "merge") {
    const title = terms.title ?? `Merge pull request #${pull.number} from ${state.owner}/${pull.headRef}`;
    commit = await write(`${title}\n\n${terms.message ?? pull.title}`, [base, pull.headSha]);
  } else {
    const commits = await pullCommits(state, pull);
    const [only] = commits;
    const title =
      terms.title ?? `${commits.length === 1 ? only?.message.split("\n")[0] : pull.title} (#${pull.number})`;
    const message = method === "rebase" ? (commits.at(-1)?.message ?? title) : `${title}\n\n${terms.message ?? ""}`;
    // A rebase of several commits is one here: what matters of it is that its commits are new ones.
    commit = await write(message, [base], method === "rebase" ? commits.at(-1)?.author : who);
  }
  await setMerged(state, pull, commit, user);
  await moved(state, `refs/heads/${pull.baseRef}`, base, commit, user);
  if (state.settings.deleteBranchOnMerge && (await state.git.ref(`refs/heads/${pull.headRef}`)) !== undefined) {
    await deleteRef(state, `refs/heads/${pull.headRef}`, user);
  }
  return commit;
}
