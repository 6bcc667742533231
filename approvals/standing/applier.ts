import { Refusal } from "../../base/errors.ts";
import type { Actor } from "../types.ts";
import { listing, type Person, samePerson } from "../voters.ts";
import type { StandingException } from "./exception.ts";

/**
 * Refuses who may not take this exception into force: somebody whom nobody has listed, who might be anybody's second
 * account, and whoever asks for it, answers for it or is named by it, with all their identities and agents. One that names
 * nobody is for the guardrails to forbid (`exceptions.wildcards`). Throws Refusal `forbidden`.
 */
export function checkApplier(people: readonly Person[], exception: StandingException, by: Actor): void {
  if (!listing(people)(by.username)) {
    throw new Refusal(
      "forbidden",
      `${by.username} is not listed in people, so the gateway cannot tell whose login it is`,
      {
        next: "List the person's identities under people in sallyport.yaml.",
      },
    );
  }
  const own = rolesOf(exception).find(({ principal }) =>
    principal.startsWith("group:")
      ? by.groups.includes(principal.slice("group:".length))
      : samePerson(people, principal.slice("user:".length), by.username),
  );
  if (own === undefined) return;
  throw new Refusal(
    "forbidden",
    `${by.username} ${own.is} (${own.principal}): nobody applies an exception for themselves`,
    {
      next: "Ask another approver to apply it.",
    },
  );
}

function rolesOf({ owner, requestedBy, subjects }: StandingException): { principal: string; is: string }[] {
  return [
    { principal: owner, is: "answers for this exception" },
    { principal: `user:${requestedBy.username}`, is: "asked for this exception" },
    ...subjects.map((subject) => ({
      principal: "group" in subject ? `group:${subject.group}` : `user:${subject.username}`,
      is: "is one of those that this exception is for",
    })),
  ];
}
