import { expect, test } from "vitest";
import { bob, carol, digestOf, opened, proposal, START, seen } from "../suite/fixtures.ts";
import { eventually, githubRig } from "./rig.ts";

const TERMS = { validForSeconds: 300, reviewWithinSeconds: 3600 };

test("closing by an approver denies with their newest comment, and the same request is refused for ten minutes", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  await rig.deny(name, bob, "not today");
  expect(await rig.now(name)).toMatchObject({
    state: "denied",
    denial: { username: bob.username, reason: "not today" },
  });
  await expect(rig.home.propose(proposal())).rejects.toMatchObject({ code: "approval-denied" });
  const again = await rig.open();
  await expect(again.propose(proposal())).rejects.toMatchObject({ code: "approval-denied" });
  rig.clock.time += 600_001;
  const { approval } = await rig.home.propose(proposal({ notAfter: rig.clock.time + 900_000 }));
  expect(approval.name).toBe(`${"a".repeat(16)}-2`);
});

test("closing by somebody who may not decide ends it without a denial", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  await rig.deny(name, carol, "no");
  expect(await rig.now(name)).toMatchObject({ state: "cancelled", ended: { by: "carol" } });
  expect((await rig.home.propose(proposal())).opened).toBe(true);
});

test("deny by the control API closes the pull request, and a restart still knows who denied and why", async () => {
  const rig = await githubRig();
  const approval = await opened(rig.home);
  await rig.home.deny(approval.name, bob, { reason: "too wide", seen: seen(approval) });
  expect(rig.github.state.pull(1).state).toBe("closed");
  const again = await rig.open();
  expect(await again.get(approval.name)).toMatchObject({
    state: "denied",
    denial: { username: bob.username, reason: "too wide" },
  });
});

test("approve by the control API says where to approve", async () => {
  const rig = await githubRig();
  const approval = await opened(rig.home);
  await expect(rig.home.approve(approval.name, bob, { reason: "", seen: seen(approval) })).rejects.toMatchObject({
    code: "conflict",
    details: { next: expect.stringContaining("/pull/1") },
  });
});

test("an approval that is dismissed after the merge approves nothing", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  await rig.approve(name, bob);
  await rig.github.as("acme").dismiss(1, rig.github.state.pull(1).reviews[0]?.id ?? 0);
  expect(await rig.home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
  expect((await rig.now(name)).ended?.reason).toContain("the review of bob was dismissed");
});

test("what nobody decided in time expires, its pull request is closed, and its branch is gone", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  rig.clock.time += 900_001;
  await rig.home.refresh();
  expect((await rig.now(name)).state).toBe("expired");
  await eventually(() => rig.github.state.pull(1).state === "closed");
  await eventually(() => !rig.git(["for-each-ref"]).includes("refs/heads/sallyport/"));
});

test("a break-glass lets it through at once, closes its pull request, and is reviewed by somebody else", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  const let_ = await rig.home.breakGlass(name, bob, { reason: "on fire" }, TERMS);
  expect(let_).toMatchObject({ state: "approved", breakGlass: { by: { username: bob.username, reason: "on fire" } } });
  const other = await rig.open();
  expect((await other.get(name))?.state).toBe("approved");
  expect(await rig.home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
  await eventually(() => rig.github.state.pull(1).state === "closed");
  await rig.review(name, bob, "accepted", "fine by me");
  expect((await rig.now(name)).breakGlass?.review).toBeUndefined();
  rig.clock.time += 3_600_001;
  await rig.home.refresh();
  expect(rig.home.status().overdueReviews).toEqual([name]);
});

test("requests of a burst are decided in one pull request", async () => {
  const rig = await githubRig();
  const first = await opened(rig.home, { digest: digestOf(1), batch: true });
  const second = await opened(rig.home, { digest: digestOf(2), batch: true });
  expect(second.pullRequest).toEqual(first.pullRequest);
  expect(second.batch).toEqual([first.name, second.name]);
  const other = await rig.open();
  expect(await other.propose(proposal({ digest: digestOf(2), batch: true }))).toMatchObject({ opened: false });
  await rig.approve(first.name, bob);
  expect((await rig.now(first.name)).state).toBe("approved");
  expect((await rig.now(second.name)).state).toBe("approved");
  await other.refresh();
  expect((await other.get(second.name))?.state).toBe("approved");
  expect(await other.use(second.name, "x-1")).toEqual({ ok: true, n: 1 });
  await eventually(() => !rig.git(["for-each-ref"]).includes("refs/heads/sallyport/"));
});

test("a review that was given before a batch grew counts for none of it", async () => {
  const rig = await githubRig();
  rig.github.protection = undefined;
  const first = await opened(rig.home, { digest: digestOf(1), batch: true });
  await rig.approve(first.name, bob, { last: false });
  const second = await opened(rig.home, { digest: digestOf(2), batch: true });
  await rig.github.as("bob").merge(1);
  await rig.home.refresh();
  expect((await rig.now(first.name)).ended?.reason).toContain("another commit");
  expect((await rig.now(second.name)).state).toBe("cancelled");
});

test("a name that was broken the glass for in a batch is nobody else's, also where its gateways start again", async () => {
  const rig = await githubRig({ github: { memory: true } });
  const notAfter = START + 60_000;
  await opened(rig.home, { digest: digestOf(1), batch: true, notAfter });
  const { name } = await opened(rig.home, { digest: digestOf(2), batch: true, notAfter });
  await rig.home.breakGlass(name, bob, { reason: "down" }, { ...TERMS, validForSeconds: 3000 });
  rig.clock.time += 60_000 + 600_001;
  await rig.home.refresh();
  const later = { digest: digestOf(2), change: "d".repeat(64), notAfter: rig.clock.time + 900_000 };
  const again = await opened(await rig.open(), later);
  expect(again.name).not.toBe(name);
  expect((await (await rig.open()).get(again.name))?.state).toBe("pending");
});
