import { sha256 } from "../../base/digest.ts";
import { together } from "../batch.ts";
import { APPROVAL_NAME } from "../exception.ts";
import type { Approval } from "../types.ts";
import type { HubContext, HubEntry, HubPull } from "./context.ts";
import { commitAt } from "./git.ts";
import { blobAt, viewOf } from "./main.ts";
import { readRecord } from "./records.ts";
import { PROPOSAL_BRANCH } from "./refs.ts";
import { type Pull, pullCommitShape } from "./wire.ts";

/** A reviewer reads all of it at once. */
export const MOST_MEMBERS = 50;

/** Whether a pull request may be one of this home's own: our login opened it, from a digest's branch to our branch. */
export function isOwn(home: HubContext, pull: Pull): boolean {
  return (
    pull.user?.login.toLowerCase() === home.client.login.toLowerCase() &&
    pull.base.ref === home.branch &&
    PROPOSAL_BRANCH.test(pull.head.ref)
  );
}

export interface Proposed {
  approval: Approval;
  /** The digest whose branch has its pull request: its own, or the first one's of a batch. */
  branch: string;
}

/** A pending approval from the commit that proposes it; undefined where no key of ours made its record. */
export async function proposedBy(home: HubContext, sha: string): Promise<Proposed | undefined> {
  const { message, parents } = await commitAt(home, sha);
  return readProposal(home, sha, message, parents);
}

async function readProposal(
  home: HubContext,
  sha: string,
  message: string,
  parents: readonly { sha: string }[],
): Promise<Proposed | undefined> {
  const record = readRecord(home.keys, "propose", message);
  // Somebody who may push can make this commit again anywhere else: on the pull request of a request that is approved.
  if (record === undefined || parents.length !== 1 || parents[0]?.sha !== record.parent) return undefined;
  const { name, at, proposal, branch } = record;
  if (!APPROVAL_NAME.test(name) || !name.startsWith(`${proposal.digest.slice(0, 16)}-`)) return undefined;
  const blob = (await viewOf(home.client, sha)).folders.exceptions.get(name);
  const file = blob === undefined ? undefined : (await blobAt(home.client, blob)).toString("utf8");
  if (file === undefined || sha256(file) !== record.file) return undefined;
  return { branch, approval: { name, state: "pending", proposal, file, openedAt: at, approvals: [], uses: [] } };
}

/**
 * A pull request of ours as its commits say it is, each with a record of ours that was made for its branch; undefined
 * where it proposes nothing: somebody pushed onto the branch, or made it.
 */
export async function readPull(home: HubContext, pull: Pull): Promise<HubPull | undefined> {
  if (!isOwn(home, pull)) return undefined;
  const branch = PROPOSAL_BRANCH.exec(pull.head.ref)?.[1];
  const commits = await home.client.list(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits",
    { pull_number: pull.number },
    pullCommitShape,
  );
  const approvals: Approval[] = [];
  for (const { sha, commit, parents } of commits.slice(0, MOST_MEMBERS + 1)) {
    const proposed = await readProposal(home, sha, commit.message, parents);
    if (proposed === undefined || proposed.branch !== branch) return undefined;
    approvals.push(proposed.approval);
  }
  const [first] = approvals;
  if (first === undefined || first.proposal.digest !== branch || commits.at(-1)?.sha !== pull.head.sha)
    return undefined;
  if (approvals.length > MOST_MEMBERS || !approvals.slice(1).every((one) => together(first, one))) return undefined;
  // A name is one pull request's: what was decided there is not asked again here.
  const elsewhere = approvals.some(({ name }) => {
    const known = home.index.byName.get(name);
    return known !== undefined && known.pull.number !== pull.number;
  });
  if (elsewhere) return undefined;
  const made = asPull(pull, approvals, false);
  made.locks = new Map(approvals.map(({ proposal }, i) => [`sallyport/${proposal.digest}`, commits[i]?.sha ?? ""]));
  return made;
}

/** Puts approvals side by side in one pull request. */
export function asPull(pull: Pull, approvals: readonly Approval[], ours: boolean): HubPull {
  const made: HubPull = {
    number: pull.number,
    url: pull.html_url,
    branch: pull.head.ref,
    head: pull.head.sha,
    updatedAt: "",
    unjudged: false,
    members: [],
    ours,
  };
  for (const approval of approvals) addMember(made, approval);
  return made;
}

export function addMember(pull: HubPull, approval: Approval): HubEntry {
  const entry: HubEntry = { approval, pull, released: new Map() };
  approval.pullRequest = { number: pull.number, url: pull.url };
  pull.members.push(entry);
  const names = pull.members.map((member) => member.approval.name);
  if (names.length > 1) for (const member of pull.members) member.approval.batch = names;
  return entry;
}

/** Makes a pull request known here. */
export function remember(home: HubContext, pull: HubPull): void {
  home.pulls.set(pull.number, pull);
  for (const entry of pull.members) home.index.add(entry);
}

/** The index lets go of what settled long ago, and so do we. */
export function forgetOld(home: HubContext): void {
  for (const [number, pull] of home.pulls) {
    if (pull.members.every(({ approval }) => !home.index.byName.has(approval.name))) home.pulls.delete(number);
  }
}
