import { Refusal } from "../../base/errors.ts";
import type { Proposal } from "../types.ts";
import { CODEOWNERS_PATHS, type Owners, ownersOf } from "./codeowners.ts";
import type { HubContext, HubEntry } from "./context.ts";
import { statusOf } from "./failures.ts";
import {
  type Count,
  countReviews,
  deciderOf,
  type Electorate,
  loginsAsked,
  personOf,
  teamsAsked,
} from "./reviewers.ts";
import { fileShape, membershipShape, type Review, reviewShape, type User } from "./wire.ts";

/** Who owns a file by CODEOWNERS at a commit; undefined where there is none, or it names nobody for it. */
export async function ownersAt(home: HubContext, path: string, ref: string): Promise<Owners | undefined> {
  let text = home.codeowners.get(ref);
  if (text === undefined) {
    text = await codeownersAt(home, ref);
    if (home.codeowners.size > 1000) home.codeowners.clear();
    // A commit never changes.
    home.codeowners.set(ref, text);
  }
  return ownersOf(text, path);
}

async function codeownersAt(home: HubContext, ref: string): Promise<string> {
  for (const place of CODEOWNERS_PATHS) {
    const file = await home.client.find("GET /repos/{owner}/{repo}/contents/{path}", { path: place, ref }, fileShape);
    if (file !== undefined) return Buffer.from(file.content, "base64").toString("utf8");
  }
  return "";
}

export function reviewsOf(home: HubContext, pull_number: number): Promise<Review[]> {
  return home.client.list("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", { pull_number }, reviewShape);
}

/** Whether a login is an active member of `org/team`; a team that is not there, or may not be read, has none. */
async function isMember(home: HubContext, login: string, team: string): Promise<boolean> {
  const [org = "", team_slug = ""] = team.split("/");
  try {
    const { state } = await home.client.get(
      "GET /orgs/{org}/teams/{team_slug}/memberships/{username}",
      { org, team_slug, username: login },
      membershipShape,
    );
    return state === "active";
  } catch (error) {
    const status = statusOf(error);
    if (status !== 404 && status !== 403) throw error;
    if (status === 403) home.log.warn("the members of a team may not be read, so nobody is one", { team });
    return false;
  }
}

async function electorate(
  home: HubContext,
  requirements: Proposal["requirements"],
  owners: Owners | undefined,
  logins: readonly string[],
): Promise<Electorate> {
  const voters = { people: home.people, ownLogin: home.client.login, teams: home.teams, owners };
  const members = new Set<string>();
  for (const team of teamsAsked(requirements, voters)) {
    for (const login of logins) if (await isMember(home, login, team)) members.add(`${login} ${team}`.toLowerCase());
  }
  return { ...voters, isMember: (login, team) => members.has(`${login} ${team}`.toLowerCase()) };
}

/** Counts the reviews of a merged pull request for one of its requests. `base`: main as it was before the merge. */
export async function countFor(
  home: HubContext,
  { approval: { proposal, name } }: Pick<HubEntry, "approval">,
  reviews: readonly Review[],
  at: { head: string; base: string; path?: string },
  alsoBanned: readonly { username: string; why: string }[] = [],
): Promise<Count> {
  const owners = await ownersAt(home, at.path ?? `exceptions/${name}.yaml`, at.base);
  const voters = await electorate(home, proposal.requirements, owners, loginsAsked(reviews, at.head, home.people));
  return countReviews(proposal, reviews, at.head, voters, home.clock.now(), alsoBanned);
}

/** The identity of a login that may say no to a proposal; undefined where it may not. */
export async function decider(
  home: HubContext,
  { approval }: HubEntry,
  user: User | undefined,
): Promise<string | undefined> {
  if (user == null || personOf(home.people, user) === undefined) return undefined;
  const owners = await ownersAt(home, `exceptions/${approval.name}.yaml`, home.main.commit);
  const voters = await electorate(home, approval.proposal.requirements, owners, [user.login]);
  return deciderOf(approval.proposal.requirements, user, voters);
}

/** Throws Refusal `conflict`: in this home people decide on GitHub. */
export function decideOnGitHub({ approval, pull }: HubEntry, what: string): Refusal {
  return new Refusal("conflict", `${approval.name} is ${what} on GitHub`, {
    next: `Review and merge the pull request at ${pull.url}.`,
    approvalName: approval.name,
    approvalUrl: pull.url,
  });
}
