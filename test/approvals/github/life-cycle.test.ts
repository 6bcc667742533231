import { expect, test } from "vitest";
import { alice, bob, opened, proposal } from "../suite/fixtures.ts";
import { eventually, githubRig } from "./rig.ts";

test("a hold is a branch, a pull request with labels, and a file on it; a review and a merge approve it", async () => {
  const rig = await githubRig();
  const { approval, opened: first } = await rig.home.propose(proposal());
  expect(first).toBe(true);
  expect(approval.pullRequest).toMatchObject({ number: 1 });
  await rig.approve(approval.name, bob, { reason: "fine" });
  expect(await rig.now(approval.name)).toMatchObject({
    state: "approved",
    approvals: [{ username: bob.username, reason: "fine" }],
  });
  expect(await rig.home.use(approval.name, "x-1")).toEqual({ ok: true, n: 1 });
  expect(await rig.home.use(approval.name, "x-2")).toEqual({ ok: false, reason: "spent" });
  await eventually(() => (rig.github.state.pull(1).comments.length ?? 0) === 1);
  expect(rig.github.state.pull(1).comments[0]?.body).toContain("Consumed");
});

test("a hold, its approval and its use take eight content creations", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  await rig.approve(name, bob);
  await rig.home.use(name, "x-1");
  await eventually(() => rig.github.state.pull(1).comments.length === 1);
  await eventually(() => rig.github.state.pull(1).labels.length > 0);
  expect(rig.github.mutations()).toBe(8);
});

test("what is merged with the requester's own review is cancelled with the reason", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  await rig.approve(name, alice);
  const now = await rig.now(name);
  expect(now.state).toBe("cancelled");
  expect(now.ended?.reason).toContain("nobody approves for themselves");
});

test("another gateway finds what this one opened, and one that starts again finds what was approved", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  const other = await rig.open();
  expect(await other.propose(proposal())).toMatchObject({ opened: false, approval: { name } });
  await rig.approve(name, bob);
  const third = await rig.open();
  expect(await third.get(name)).toMatchObject({ state: "approved" });
  expect(await third.use(name, "x-1")).toEqual({ ok: true, n: 1 });
  expect(await rig.home.use(name, "x-2")).toEqual({ ok: false, reason: "spent" });
});

test("a poll of what has not changed is answered 304 throughout, which costs nothing of the rate limit", async () => {
  const rig = await githubRig();
  await opened(rig.home);
  await rig.home.refresh();
  const before = rig.github.requests.length;
  await rig.home.refresh();
  const poll = rig.github.requests.slice(before);
  expect(poll.length).toBeGreaterThan(3);
  expect(poll.filter(({ status }) => status !== 304)).toEqual([]);
});
