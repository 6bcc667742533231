import { Refusal } from "../base/errors.ts";
import type { Actor, Proposal, Requirement } from "./types.ts";

/** One human being: their own logins, the agents that act for them, and their GitHub login. */
export interface Person {
  identities: string[];
  agents: string[];
  github?: string | undefined;
}

// Identity providers differ in the case of one mail address; two spellings are one person here, since that
// only ever refuses more. Whether somebody is an approver is compared exactly.
const fold = (username: string): string => username.normalize("NFKC").toLowerCase();
const has = (names: string[], username: string): boolean => names.some((name) => fold(name) === fold(username));

/** Whether two usernames are one human being: the same name, or side by side in an entry of `people`. */
export function samePerson(people: readonly Person[], a: string, b: string): boolean {
  if (fold(a) === fold(b)) return true;
  return people.some((person) => {
    const all = [...person.identities, ...person.agents];
    return has(all, a) && has(all, b);
  });
}

/** Says whether a username is a person's own login, and no agent's: an unlisted login is nobody. */
export function listing(people: readonly Person[]): (username: string) => boolean {
  const names = new Set(people.flatMap(({ identities }) => identities.map(fold)));
  return (username) => names.has(fold(username));
}

/** Whether a username is one that acts for somebody: no person's own login. */
export function isAgent(people: readonly Person[], username: string): boolean {
  return people.some(({ agents }) => has(agents, username));
}

/** Whether a requirement's approvers (`user:<username>`, `group:<group>`) name this identity. */
export function isApprover(requirement: Requirement, actor: Actor): boolean {
  return requirement.approvers.some(
    (approver) => approver === `user:${actor.username}` || actor.groups.some((group) => approver === `group:${group}`),
  );
}

/** Refuses who may not decide about this proposal at all, approve or deny. */
export function checkDecider(people: readonly Person[], proposal: Proposal, actor: Actor): void {
  if (!proposal.requirements.some((requirement) => isApprover(requirement, actor))) {
    const approvers = [...new Set(proposal.requirements.flatMap((requirement) => requirement.approvers))];
    throw new Refusal("forbidden", `${actor.username} is not an approver of this request`, {
      next: `It can be decided by ${approvers.slice(0, 20).join(", ")}.`,
    });
  }
  // An unlisted login is nobody: it might be the requester's second account, and nothing could tell.
  if (!listing(people)(actor.username)) {
    const agent = isAgent(people, actor.username);
    throw new Refusal(
      "forbidden",
      agent
        ? `${actor.username} is an agent's identity, and agents approve nothing`
        : `${actor.username} is not listed in people, so the gateway cannot tell whose login it is`,
      { next: "List the person's identities, and the agents that act for them, under people in sallyport.yaml." },
    );
  }
}

/** Refuses who may not approve this proposal: checkDecider, and nobody approves for an identity of their own. */
export function checkApprover(people: readonly Person[], proposal: Proposal, actor: Actor): void {
  checkDecider(people, proposal, actor);
  const { username, owner } = proposal.requester;
  const own = [username, ...(owner === undefined ? [] : [owner.username])].find((name) =>
    samePerson(people, name, actor.username),
  );
  if (own !== undefined) {
    throw new Refusal("forbidden", `${actor.username} and ${own} are the same person: nobody approves for themselves`, {
      next: "Ask another approver.",
    });
  }
}

/** Whether each requirement has its number of distinct people among those who approved. */
export function requirementsMet(people: readonly Person[], requirements: Requirement[], approvers: Actor[]): boolean {
  return (
    requirements.length > 0 &&
    requirements.every((requirement) => {
      const distinct: Actor[] = [];
      for (const actor of approvers) {
        if (!isApprover(requirement, actor)) continue;
        if (!distinct.some((other) => samePerson(people, other.username, actor.username))) distinct.push(actor);
      }
      return distinct.length >= requirement.required;
    })
  );
}
