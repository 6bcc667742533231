import { expect, test } from "vitest";
import { actor, alice, approved, bob, DIGEST, opened, proposal, rig, START, seen } from "./embedded.ts";

const hex = (n: number): string => n.toString(16).padStart(64, "0");

test("fifty concurrent requests of one digest make one proposal", async () => {
  const { home, git } = await rig();
  const results = await Promise.all(Array.from({ length: 50 }, () => home.propose(proposal())));
  expect(results.filter(({ opened }) => opened)).toHaveLength(1);
  expect(new Set(results.map(({ approval }) => approval.name))).toEqual(new Set(["aaaaaaaaaaaaaaaa-1"]));
  expect(git(["for-each-ref", "--format=%(refname)", "refs/heads/sallyport"])).toBe(`refs/heads/sallyport/${DIGEST}`);
});

test("two gateways on one repository agree on one proposal, since creating the branch is the lock", async () => {
  const { home, open } = await rig();
  const other = await open();
  const results = await Promise.all([home, other, home, other].map((one) => one.propose(proposal())));
  expect(results.filter(({ opened }) => opened)).toHaveLength(1);
  expect(new Set(results.map(({ approval }) => approval.file)).size).toBe(1);
});

test("an approval by an approver settles the hold, and the branch is deleted", async () => {
  const { home, git } = await rig();
  const approval = await opened(home);
  const waiting = home.waitSettled(approval.name, AbortSignal.timeout(5000));
  await home.approve(approval.name, bob, { reason: "fine", seen: seen(approval) });
  const settled = await waiting;
  expect(settled).toMatchObject({ state: "approved", approvals: [{ username: bob.username, reason: "fine" }] });
  expect((await home.find(DIGEST))?.name).toBe(approval.name);
  expect(git(["for-each-ref", "refs/heads/sallyport"])).toBe("");
  expect(`${git(["show", `main:exceptions/${approval.name}.yaml`])}\n`).toBe(approval.file);
});

test("a hold goes on within 100 ms of its approval", async () => {
  const { home } = await rig();
  const times: number[] = [];
  for (let i = 1; i <= 5; i++) {
    const approval = await opened(home, { digest: hex(i) });
    const waiting = home.waitSettled(approval.name, AbortSignal.timeout(5000));
    const before = performance.now();
    await home.approve(approval.name, bob, { reason: "", seen: seen(approval) });
    await waiting;
    times.push(performance.now() - before);
  }
  expect(times.sort((a, b) => a - b)[0]).toBeLessThan(100);
});

test("waiting ends with the present state when the signal fires", async () => {
  const { home } = await rig();
  const { name } = await opened(home);
  expect((await home.waitSettled(name, AbortSignal.timeout(20))).state).toBe("pending");
});

test("pending, approved, denied and spent approvals survive a restart", async () => {
  const { home, open } = await rig();
  const pending = await opened(home, { digest: hex(1) });
  const approval = await approved(home, { digest: hex(2) });
  const denied = await opened(home, { digest: hex(3) });
  await home.deny(denied.name, bob, { reason: "no" });
  const spent = await approved(home, { digest: hex(4) });
  await home.use(spent.name, "x-1");
  await home.close();
  const again = await open();
  expect(await again.get(pending.name)).toEqual(pending);
  expect(await again.find(hex(2))).toEqual(approval);
  expect(await again.get(denied.name)).toMatchObject({ state: "denied", denial: { reason: "no" } });
  expect(await again.get(spent.name)).toMatchObject({ state: "consumed", uses: [{ n: 1, exchangeId: "x-1" }] });
  expect(await again.propose(proposal({ digest: hex(1) }))).toMatchObject({ opened: false });
});

test("a denial refuses the same digest for ten minutes with its reason, also after a restart", async () => {
  const { home, clock, open } = await rig();
  const { name } = await opened(home);
  await home.deny(name, bob, { reason: "use a PVC" });
  const again = await open();
  clock.time += 599_000;
  for (const one of [home, again]) {
    await expect(one.propose(proposal())).rejects.toMatchObject({
      code: "approval-denied",
      message: expect.stringContaining("use a PVC"),
      details: { approvalName: name },
    });
    expect((await one.find(DIGEST))?.state).toBe("denied");
  }
  clock.time += 2000;
  expect(await home.find(DIGEST)).toBeUndefined();
  expect(await home.propose(proposal({ notAfter: clock.time + 1000 }))).toMatchObject({
    opened: true,
    approval: { name: "aaaaaaaaaaaaaaaa-2" },
  });
});

test("a proposal that nobody decided expires, and its number is not given again", async () => {
  const { home, clock, git } = await rig();
  const { name } = await opened(home);
  clock.time = START + 900_000;
  await home.sweep();
  expect(await home.get(name)).toMatchObject({ state: "expired" });
  expect(git(["for-each-ref", "refs/heads/sallyport"])).toBe("");
  const next = await opened(home, { notAfter: clock.time + 1000 });
  expect(next.name).toBe("aaaaaaaaaaaaaaaa-2");
});

test("an approval past its notAfter lifts nothing, swept or not", async () => {
  const { home, clock } = await rig();
  const { name } = await approved(home);
  clock.time = START + 900_000;
  expect(await home.find(DIGEST)).toBeUndefined();
  expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "expired" });
});

test("an expired proposal cannot be approved", async () => {
  const { home, clock } = await rig();
  const approval = await opened(home);
  clock.time = START + 900_000;
  await expect(home.approve(approval.name, bob, { reason: "", seen: seen(approval) })).rejects.toMatchObject({
    code: "conflict",
    message: "this approval is already expired",
  });
});

test("a denied proposal cannot be approved, nor an approved one denied", async () => {
  const { home } = await rig();
  const denied = await opened(home, { digest: hex(1) });
  await home.deny(denied.name, bob, { reason: "no" });
  const approval = await approved(home, { digest: hex(2) });
  await expect(home.approve(denied.name, bob, { reason: "", seen: seen(denied) })).rejects.toMatchObject({
    status: 409,
  });
  await expect(home.deny(approval.name, bob, { reason: "" })).rejects.toMatchObject({ status: 409 });
});

test("each change of state is told once, in order", async () => {
  const { home } = await rig();
  const states: string[] = [];
  home.onChange(({ state }) => states.push(state));
  const { name } = await approved(home);
  await home.use(name, "x-1");
  await home.sweep();
  expect(states).toEqual(["approved", "consumed"]);
});

test("a listener that throws stops neither the waiting nor the other listeners", async () => {
  const { home } = await rig();
  let told = 0;
  home.onChange(() => {
    throw new Error("broken");
  });
  home.onChange(() => {
    told++;
  });
  const approval = await opened(home);
  const waiting = home.waitSettled(approval.name, AbortSignal.timeout(5000));
  await home.approve(approval.name, bob, { reason: "", seen: seen(approval) });
  expect((await waiting).state).toBe("approved");
  expect(told).toBe(1);
});

test("the list is newest first, filtered by state, and continues where it stopped", async () => {
  const { home, clock } = await rig();
  for (let i = 1; i <= 5; i++) {
    clock.time += 1000;
    await opened(home, { digest: `${i}`.repeat(64) });
  }
  await home.deny("3333333333333333-1", bob, { reason: "no" });
  const first = await home.list({ state: "pending", limit: 3 });
  const rest = await home.list({ state: "pending", limit: 3, continue: first.continue ?? "" });
  expect([...first.items, ...rest.items].map(({ name }) => name[0])).toEqual(["5", "4", "2", "1"]);
  expect(rest.continue).toBeUndefined();
  await expect(home.list({ continue: "x" })).rejects.toMatchObject({ code: "bad-request" });
});

test("a session and an identity have caps of pending proposals", async () => {
  const { home } = await rig({ limits: { holdsPerSession: 2, holdsPerIdentity: 3 } });
  const of = (n: number, session: string) =>
    home.propose(proposal({ digest: hex(n), requester: { issuer: "corp", username: "corp:agent-alice", session } }));
  await of(1, "s-1");
  await of(2, "s-1");
  await expect(of(3, "s-1")).rejects.toMatchObject({ code: "too-many", message: expect.stringContaining("session") });
  await of(4, "s-2");
  await expect(of(5, "s-3")).rejects.toMatchObject({ code: "too-many" });
  expect(await of(1, "s-1")).toMatchObject({ opened: false });
});

test("a change that is too large to be shown is refused, never cut", async () => {
  const { home } = await rig();
  const many = Array.from({ length: 501 }, (_, i) => ({ path: `data.k${i}`, to: "v" }));
  await expect(opened(home, { changes: many })).rejects.toMatchObject({ code: "body-too-large" });
  await expect(opened(home, { changes: [{ path: "data.k", to: "v".repeat(300_000) }] })).rejects.toMatchObject({
    code: "body-too-large",
  });
});

test("an approval that nobody knows is not found", async () => {
  const { home } = await rig();
  for (const name of ["aaaaaaaaaaaaaaaa-1", "../../HEAD", "", "aaaaaaaaaaaaaaaa-1/../x"]) {
    expect(await home.get(name)).toBeUndefined();
    await expect(home.approve(name, alice, { reason: "", seen: "" })).rejects.toMatchObject({ code: "not-found" });
    expect(await home.use(name, "x")).toEqual({ ok: false, reason: "not-approved" });
  }
});

test("after close nothing is changed any more, and whoever waits is let go", async () => {
  const { home } = await rig();
  const { name } = await opened(home);
  const waiting = home.waitSettled(name, new AbortController().signal);
  await home.close();
  expect((await waiting).state).toBe("pending");
  await expect(home.deny(name, actor(bob.username, "corp:oncall"), { reason: "" })).rejects.toMatchObject({
    code: "draining",
  });
});
