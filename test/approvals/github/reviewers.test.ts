import { describe, expect, test } from "vitest";
import { ownersOf } from "../../../approvals/github/codeowners.ts";
import { countReviews, deciderOf, type Electorate } from "../../../approvals/github/reviewers.ts";
import type { Review } from "../../../approvals/github/wire.ts";
import type { Requirement } from "../../../approvals/types.ts";
import { people, proposal } from "../suite/fixtures.ts";

const HEAD = "1".repeat(40);
const OLD = "2".repeat(40);
let ids = 0;

function review(login: string, state = "APPROVED", more: Partial<Review> = {}): Review {
  ids += 1;
  const submitted_at = new Date(Date.UTC(2026, 10, 22, 9, 0, ids)).toISOString();
  return { id: ids, user: { login, type: "User" }, state, body: "", commit_id: HEAD, submitted_at, ...more };
}
const group = (required = 1): Requirement => ({ rules: ["r/r"], approvers: ["group:corp:oncall"], required });
const user = (name: string): Requirement => ({
  rules: ["r/r"],
  approvers: [`user:corp:${name}@example.com`],
  required: 1,
});
const MEMBERS = new Set(["alice", "bob", "dora", "mallory", "sallyport[bot]"]);

function voters(changes: Partial<Electorate> = {}): Electorate {
  return {
    people,
    ownLogin: "sallyport[bot]",
    teams: { "corp:oncall": "acme/oncall" },
    owners: undefined,
    isMember: (login, team) => team === "acme/oncall" && MEMBERS.has(login.toLowerCase()),
    ...changes,
  };
}

interface Case {
  name: string;
  reviews: Review[];
  requirements?: Requirement[];
  voters?: Partial<Electorate>;
  owner?: string;
  met: boolean;
  why?: string;
}

const owned = (...logins: string[]) => ({ owners: { logins, teams: [] } });
const CASES: Case[] = [
  { name: "an approver's approval of the head counts", reviews: [review("bob")], met: true },
  { name: "a login counts in whatever case", reviews: [review("BoB")], met: true },
  { name: "no review is none", reviews: [], met: false },
  { name: "no requirement is none that is met", reviews: [review("bob")], requirements: [], met: false },
  { name: "the requester's own person is nobody", reviews: [review("alice")], met: false, why: "same person" },
  {
    name: "the person that an agent acts for is nobody",
    reviews: [review("bob")],
    owner: "corp:bob@example.com",
    met: false,
    why: "same person",
  },
  {
    name: "an unlisted login is nobody, member or not",
    reviews: [review("mallory")],
    met: false,
    why: "not listed in people",
  },
  { name: "a listed person who is no member is no approver", reviews: [review("carol")], met: false },
  { name: "the gateway's own login is nobody", reviews: [review("sallyport[bot]")], met: false },
  {
    name: "an app under a person's login is nobody",
    reviews: [review("bob", "APPROVED", { user: { login: "bob", type: "Bot" } })],
    met: false,
  },
  { name: "an account that is gone is nobody", reviews: [review("bob", "APPROVED", { user: null })], met: false },
  {
    name: "a login of two people is nobody's",
    reviews: [review("bob")],
    voters: { people: [...people, { identities: ["corp:eve@example.com"], agents: [], github: "bob" }] },
    met: false,
  },
  {
    name: "a review of another commit is none",
    reviews: [review("bob", "APPROVED", { commit_id: OLD })],
    met: false,
    why: "another commit",
  },
  { name: "a review of no commit is none", reviews: [review("bob", "APPROVED", { commit_id: null })], met: false },
  { name: "a dismissed review is none", reviews: [review("bob", "DISMISSED")], met: false, why: "dismissed" },
  {
    name: "a later request for changes takes an approval back",
    reviews: [review("bob"), review("bob", "CHANGES_REQUESTED")],
    met: false,
    why: "asks for changes",
  },
  {
    name: "a later approval takes a request for changes back",
    reviews: [review("bob", "CHANGES_REQUESTED"), review("bob")],
    met: true,
  },
  { name: "a later comment takes nothing back", reviews: [review("bob"), review("bob", "COMMENTED")], met: true },
  {
    name: "a later approval of an older commit leaves none",
    reviews: [review("bob"), review("bob", "APPROVED", { commit_id: OLD })],
    met: false,
  },
  { name: "a pending review is none", reviews: [review("bob", "PENDING")], met: false },
  {
    name: "two approvals of one person are one",
    reviews: [review("bob"), review("bob")],
    requirements: [group(2)],
    met: false,
    why: "1 of the 2",
  },
  { name: "two people are two", reviews: [review("bob"), review("dora")], requirements: [group(2)], met: true },
  {
    name: "every requirement is met, or none",
    reviews: [review("bob")],
    requirements: [group(), user("dora")],
    met: false,
  },
  {
    name: "one person may meet two requirements",
    reviews: [review("bob")],
    requirements: [group(), user("bob")],
    met: true,
  },
  {
    name: "a user is named by identity and needs no team",
    reviews: [review("carol")],
    requirements: [user("carol")],
    met: true,
  },
  { name: "a group without a team is nobody", reviews: [review("bob")], voters: { teams: {} }, met: false },
  {
    name: "a group without a team is a code owner",
    reviews: [review("carol")],
    voters: { teams: {}, ...owned("carol") },
    met: true,
  },
  {
    name: "an approver who is no code owner of the file is none",
    reviews: [review("bob")],
    voters: owned("dora"),
    met: false,
    why: "no code owner",
  },
  { name: "a code owner who is no approver is none", reviews: [review("carol")], voters: owned("carol"), met: false },
  {
    name: "a team of code owners counts by its members",
    reviews: [review("bob")],
    voters: { owners: { logins: [], teams: ["acme/oncall"] } },
    met: true,
  },
  {
    name: "a file that nobody whom one can tell owns is approved by nobody",
    reviews: [review("bob")],
    voters: owned(),
    met: false,
  },
  {
    name: "a group by the name of something of JavaScript's is no team",
    reviews: [review("bob")],
    requirements: [{ rules: ["r/r"], approvers: ["group:constructor"], required: 1 }],
    met: false,
  },
];

describe("who may approve on GitHub", () => {
  for (const one of CASES) {
    test(one.name, () => {
      const { requester } = proposal();
      const asked = {
        requirements: one.requirements ?? [group()],
        requester: {
          ...requester,
          ...(one.owner === undefined ? {} : { owner: { issuer: "corp", username: one.owner } }),
        },
      };
      const count = countReviews(asked, one.reviews, HEAD, voters(one.voters), Date.UTC(2026, 10, 23));
      expect(count.met).toBe(one.met);
      if (one.why !== undefined) expect(count.why.join("; ")).toContain(one.why);
      if (one.met) expect(count.votes.length).toBeGreaterThan(0);
    });
  }

  test("the requester's person may say no, and a stranger may not", () => {
    const requirements = [group()];
    expect(deciderOf(requirements, { login: "alice", type: "User" }, voters())).toBe("corp:alice@example.com");
    expect(deciderOf(requirements, { login: "mallory", type: "User" }, voters())).toBeUndefined();
    expect(deciderOf(requirements, { login: "carol", type: "User" }, voters())).toBeUndefined();
    expect(deciderOf(requirements, null, voters())).toBeUndefined();
  });
});

const FILE = "exceptions/x-1.yaml";
const OWNERS: { name: string; text: string; logins?: string[]; teams?: string[] }[] = [
  { name: "nobody", text: "" },
  { name: "a star is every file", text: "* @bob", logins: ["bob"] },
  { name: "the last line that matches wins", text: "* @bob\n/exceptions/ @dora", logins: ["dora"] },
  { name: "and not the narrowest", text: "/exceptions/x-1.yaml @dora\n* @bob", logins: ["bob"] },
  { name: "a last line without owners leaves none", text: "* @bob\n/exceptions/" },
  { name: "a folder's star is its files", text: "/exceptions/* @dora", logins: ["dora"] },
  { name: "the root's star is not what lies deeper", text: "/* @mallory" },
  { name: "a later root's star takes nothing over", text: "/exceptions/ @dora\n/* @mallory", logins: ["dora"] },
  { name: "two stars go down", text: "/exceptions/** @dora", logins: ["dora"] },
  { name: "another folder is another", text: "/docs/ @bob" },
  { name: "case counts in paths", text: "/Exceptions/ @bob" },
  { name: "and not in logins", text: "* @BOB", logins: ["bob"] },
  { name: "a comment names nobody", text: "* @bob # @mallory", logins: ["bob"] },
  { name: "a line that is a comment is none", text: "# * @mallory" },
  { name: "an exclusion is left out", text: "* @bob\n!/exceptions/ @mallory", logins: ["bob"] },
  { name: "a range is left out", text: "* @bob\n/exceptions/[a-z]* @mallory", logins: ["bob"] },
  { name: "teams", text: "* @acme/oncall", logins: [], teams: ["acme/oncall"] },
  { name: "an e-mail is an owner whom nobody is", text: "* bob@example.com", logins: [] },
];

describe("owners by CODEOWNERS", () => {
  for (const { name, text, logins, teams = [] } of OWNERS) {
    test(name, () => {
      expect(ownersOf(text, FILE)).toEqual(logins === undefined ? undefined : { logins, teams });
    });
  }
});
