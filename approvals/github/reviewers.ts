import { clip } from "../text.ts";
import type { Proposal, Requirement, Vote } from "../types.ts";
import { type Person, samePerson } from "../voters.ts";
import type { Owners } from "./codeowners.ts";
import { type Review, timeOf, type User } from "./wire.ts";

const OPINIONS = new Set(["APPROVED", "CHANGES_REQUESTED", "DISMISSED"]);

/** What is known of a repository's people when reviews are counted. */
export interface Electorate {
  people: readonly Person[];
  /** Our own login, which opened the pull request. */
  ownLogin: string;
  /** Which team stands for a group of the guardrails, as `org/team`. */
  teams: Readonly<Record<string, string>>;
  /** Who owns the file, where CODEOWNERS of the target branch names anybody for it. */
  owners: Owners | undefined;
  isMember(login: string, team: string): boolean;
}

export interface Count {
  met: boolean;
  votes: Vote[];
  /** Why requirements are not met: who reviewed and does not count, and what is missing. */
  why: string[];
}

/** Each reviewer's newest review that is an opinion: a comment is none. */
export function newestOpinions(reviews: readonly Review[]): Review[] {
  const newest = new Map<string, Review>();
  const order = [...reviews].sort((a, b) => timeOrder(a, b) || a.id - b.id);
  for (const review of order) {
    if (review.user !== null && OPINIONS.has(review.state)) newest.set(review.user.login.toLowerCase(), review);
  }
  return [...newest.values()];
}

function timeOrder(a: Review, b: Review): number {
  return Date.parse(a.submitted_at ?? "") - Date.parse(b.submitted_at ?? "") || 0;
}

/** The person whose login this is; nobody where it is listed for two that are not one and the same. */
export function personOf(people: readonly Person[], user: User | undefined): Person | undefined {
  if (user == null || user.type === "Bot") return undefined;
  const listed = people.filter((person) => person.github?.toLowerCase() === user.login.toLowerCase());
  return listed.length === 1 ? listed[0] : undefined;
}

/** Logins whose team memberships decide: of approving reviews at the head, by listed people. */
export function loginsAsked(reviews: readonly Review[], head: string, people: readonly Person[]): string[] {
  return newestOpinions(reviews)
    .filter((review) => review.state === "APPROVED" && review.commit_id === head)
    .flatMap(({ user }) => (personOf(people, user) === undefined ? [] : [user?.login ?? ""]));
}

/** Teams whose members decide about a proposal. */
export function teamsAsked(requirements: readonly Requirement[], electorate: Omit<Electorate, "isMember">): string[] {
  const mapped = requirements.flatMap(({ approvers }) =>
    approvers.flatMap((approver) => teamOf(electorate.teams, approver) ?? []),
  );
  return [...new Set([...mapped, ...(electorate.owners?.teams ?? [])])];
}

function teamOf(teams: Readonly<Record<string, string>>, approver: string): string | undefined {
  const group = approver.startsWith("group:") ? approver.slice("group:".length) : undefined;
  return group !== undefined && Object.hasOwn(teams, group) ? teams[group] : undefined;
}

function isOwner({ owners, isMember }: Electorate, login: string): boolean {
  if (owners === undefined) return false;
  return owners.logins.includes(login.toLowerCase()) || owners.teams.some((team) => isMember(login, team));
}

/** Whether a requirement's approvers name this person; which of their identities it is, or else their first. */
function identityFor(requirement: Requirement, person: Person, login: string, voters: Electorate): string | undefined {
  for (const approver of requirement.approvers) {
    if (approver.startsWith("user:")) {
      const named = person.identities.find((identity) => `user:${identity}` === approver);
      if (named !== undefined) return named;
      continue;
    }
    const team = teamOf(voters.teams, approver);
    // A group that no team stands for is known by CODEOWNERS alone, and else by nobody.
    if (team === undefined ? isOwner(voters, login) : voters.isMember(login, team)) return person.identities[0];
  }
  return undefined;
}

/** Whether a person may say no to a proposal: an approver, who may be the requester. Their identity; else undefined. */
export function deciderOf(
  requirements: readonly Requirement[],
  user: User | undefined,
  voters: Electorate,
): string | undefined {
  const person = personOf(voters.people, user);
  if (person === undefined || user == null) return undefined;
  for (const requirement of requirements) {
    const identity = identityFor(requirement, person, user.login, voters);
    if (identity !== undefined) return identity;
  }
  return undefined;
}

/** Why a review counts for nothing; undefined where it may count. `banned`: whoever may not approve, with the reason. */
function objection(
  review: Review,
  head: string,
  banned: readonly { username: string; why: string }[],
  voters: Electorate,
): string | undefined {
  const login = review.user?.login ?? "";
  const who = clip(login, 64);
  if (review.state === "DISMISSED") return `the review of ${who} was dismissed`;
  if (review.state !== "APPROVED") return `${who} asks for changes`;
  if (review.commit_id !== head) return `the review of ${who} is of another commit than the one that was merged`;
  if (login.toLowerCase() === voters.ownLogin.toLowerCase()) return `${who} is the gateway's own login`;
  const person = personOf(voters.people, review.user);
  if (person === undefined) return `${who} is not listed in people, so nobody knows whose login it is`;
  const own = banned.find(({ username }) =>
    [...person.identities, ...person.agents].some((identity) => samePerson(voters.people, identity, username)),
  );
  if (own !== undefined) return `${who} ${own.why}`;
  if (voters.owners !== undefined && !isOwner(voters, login)) return `${who} is no code owner of the file`;
  return undefined;
}

/** Counts the reviews of a merged pull request for one proposal (SECURITY.md, "Who may approve"). */
export function countReviews(
  proposal: Pick<Proposal, "requirements" | "requester">,
  reviews: readonly Review[],
  head: string,
  voters: Electorate,
  now: number,
  alsoBanned: readonly { username: string; why: string }[] = [],
): Count {
  const { username, owner } = proposal.requester;
  const banned = [username, ...(owner === undefined ? [] : [owner.username])].map((name) => ({
    username: name,
    why: `and ${clip(name, 256)} are the same person, and nobody approves for themselves`,
  }));
  const why: string[] = [];
  const counting: { person: Person; review: Review; login: string }[] = [];
  for (const review of newestOpinions(reviews)) {
    const against = objection(review, head, [...banned, ...alsoBanned], voters);
    const person = personOf(voters.people, review.user);
    if (against !== undefined || person === undefined) why.push(against ?? "");
    else counting.push({ person, review, login: review.user?.login ?? "" });
  }
  const votes = new Map<Person, Vote>();
  let met = proposal.requirements.length > 0;
  for (const requirement of proposal.requirements) {
    const distinct: string[] = [];
    for (const { person, review, login } of counting) {
      const identity = identityFor(requirement, person, login, voters);
      if (identity === undefined || distinct.some((other) => samePerson(voters.people, other, identity))) continue;
      distinct.push(identity);
      votes.set(person, {
        issuer: "github",
        username: identity,
        at: timeOf(review.submitted_at, now),
        reason: clip(review.body ?? "", 1024),
      });
    }
    if (distinct.length >= requirement.required) continue;
    met = false;
    why.push(
      `${distinct.length} of the ${requirement.required} approvals that ${requirement.approvers
        .slice(0, 10)
        .map((one) => clip(one, 128))
        .join(", ")} must give`,
    );
  }
  return { met, votes: [...votes.values()], why };
}
