import { expect, test } from "vitest";
import { actor, alice, bob, carol, opened, proposal, rig, seen } from "./embedded.ts";

const alices = actor("corp:alice-admin@example.com", "corp:oncall");

const REFUSED: [string, Parameters<typeof opened>[1], ReturnType<typeof actor>, RegExp][] = [
  ["the agent itself", {}, actor("corp:agent-alice", "corp:oncall"), /agent's identity/],
  ["the person whose agent asked", {}, alice, /same person/],
  ["another identity of the person whose agent asked", {}, alices, /same person/],
  ["the person's name in another case", {}, actor("corp:ALICE@example.com", "corp:oncall"), /same person/],
  ["somebody else's agent", {}, actor("corp:agent-bob", "corp:oncall"), /agent's identity/],
  ["a login that people does not list", {}, actor("corp:mallory", "corp:oncall"), /not listed in people/],
  ["a person who is no approver", {}, carol, /not an approver/],
  [
    "the session's owner, whose agent is not listed",
    {
      requester: {
        issuer: "corp",
        username: "corp:stray-agent",
        session: "s",
        owner: { issuer: "corp", username: bob.username },
      },
    },
    bob,
    /same person/,
  ],
  [
    "a person for their own request",
    { requester: { issuer: "corp", username: bob.username, session: "s" } },
    bob,
    /same person/,
  ],
  ["anybody, where there is no requirement", { requirements: [] }, bob, /not an approver/],
];

test.each(REFUSED)("an approval by %s is refused", async (_, changes, by, reason) => {
  const { home } = await rig();
  const approval = await opened(home, changes);
  await expect(home.approve(approval.name, by, { reason: "", seen: seen(approval) })).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringMatching(reason),
  });
  expect((await home.get(approval.name))?.state).toBe("pending");
});

test("with nobody listed in people nobody can approve", async () => {
  const { home } = await rig({ people: [] });
  const approval = await opened(home);
  await expect(home.approve(approval.name, bob, { reason: "", seen: seen(approval) })).rejects.toMatchObject({
    code: "forbidden",
  });
});

test("two approvals need two people, and two identities of one person are one", async () => {
  const people = [
    { identities: [bob.username, "corp:bob-2"], agents: [] },
    { identities: [carol.username], agents: [] },
  ];
  const { home, open } = await rig({ people });
  const requirements = [{ rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 2 }];
  const approval = await opened(home, { requirements });
  const vote = (one: typeof home, username: string) =>
    one.approve(approval.name, actor(username, "corp:oncall"), { reason: "", seen: seen(approval) });
  expect((await vote(home, bob.username)).state).toBe("pending");
  await expect(vote(home, bob.username)).rejects.toMatchObject({ code: "conflict" });
  await expect(vote(home, "corp:bob-2")).rejects.toMatchObject({ code: "conflict" });
  await home.close();
  const again = await open();
  expect((await again.get(approval.name))?.approvals).toHaveLength(1);
  await expect(vote(again, "corp:bob-2")).rejects.toMatchObject({ code: "conflict" });
  expect((await vote(again, carol.username)).state).toBe("approved");
});

test("every requirement must be met", async () => {
  const { home } = await rig();
  const requirements = [
    { rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 1 },
    { rules: ["rbac/x"], approvers: [`user:${carol.username}`], required: 1 },
  ];
  const approval = await opened(home, { requirements, rules: ["workload/host-path", "rbac/x"] });
  const input = { reason: "", seen: seen(approval) };
  expect((await home.approve(approval.name, bob, input)).state).toBe("pending");
  expect((await home.approve(approval.name, carol, input)).state).toBe("approved");
});

test("a group's name is matched whole: no prefix, no user of that name", async () => {
  const { home } = await rig();
  const approval = await opened(home);
  for (const by of [actor(bob.username, "corp:oncall2", "oncall"), actor("corp:oncall")]) {
    await expect(home.approve(approval.name, by, { reason: "", seen: seen(approval) })).rejects.toMatchObject({
      code: "forbidden",
    });
  }
});

test("a decision on another file than the proposed one is a conflict", async () => {
  const { home } = await rig();
  const approval = await opened(home);
  const old = "0".repeat(64);
  await expect(home.approve(approval.name, bob, { reason: "", seen: old })).rejects.toMatchObject({ status: 409 });
  await expect(home.deny(approval.name, bob, { reason: "", seen: old })).rejects.toMatchObject({ status: 409 });
  expect((await home.get(approval.name))?.state).toBe("pending");
});

test("who is no approver cannot deny either", async () => {
  const { home } = await rig();
  const { name } = (await home.propose(proposal())).approval;
  await expect(home.deny(name, carol, { reason: "" })).rejects.toMatchObject({ code: "forbidden" });
});
