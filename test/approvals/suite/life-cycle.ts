import { expect, test } from "vitest";
import { bob, DIGEST, digestOf, dora, opened, proposal, START } from "./fixtures.ts";
import { approved, type MakeRig } from "./rig.ts";

/** From a hold to what becomes of it. */
export function lifeCycle(makeRig: MakeRig): void {
  test("many concurrent requests of one digest make one proposal", async () => {
    const { home } = await makeRig();
    const results = await Promise.all(Array.from({ length: 20 }, () => home.propose(proposal())));
    expect(results.filter((one) => one.opened)).toHaveLength(1);
    expect(new Set(results.map(({ approval }) => approval.name))).toEqual(new Set(["aaaaaaaaaaaaaaaa-1"]));
  });

  test("an approval settles the hold, is told once, and its file is on main as it was proposed", async () => {
    const rig = await makeRig();
    const states: string[] = [];
    rig.home.onChange(({ state }) => states.push(state));
    const approval = await opened(rig.home);
    const waiting = rig.home.waitSettled(approval.name, AbortSignal.timeout(45_000));
    await rig.approve(approval.name, bob, { reason: "fine" });
    expect(await waiting).toMatchObject({ state: "approved", approvals: [{ username: bob.username }] });
    expect((await rig.home.find(DIGEST))?.name).toBe(approval.name);
    expect(`${rig.git(["show", `main:exceptions/${approval.name}.yaml`])}\n`).toBe(approval.file);
    await rig.home.refresh();
    expect(states).toEqual(["approved"]);
  });

  test("waiting ends with the present state when the signal fires", async () => {
    const { home } = await makeRig();
    const { name } = await opened(home);
    expect((await home.waitSettled(name, AbortSignal.timeout(20))).state).toBe("pending");
  });

  test("a denial settles the hold, with its reason, and refuses the same digest for ten minutes", async () => {
    const rig = await makeRig();
    const { home, clock } = rig;
    const { name } = await opened(home);
    const waiting = home.waitSettled(name, AbortSignal.timeout(45_000));
    await rig.deny(name, bob, "use a PVC");
    expect(await waiting).toMatchObject({ state: "denied", denial: { username: bob.username, reason: "use a PVC" } });
    clock.time += 590_000;
    await expect(home.propose(proposal())).rejects.toMatchObject({
      code: "approval-denied",
      message: expect.stringContaining("use a PVC"),
      details: { approvalName: name },
    });
    expect((await home.find(DIGEST))?.state).toBe("denied");
    clock.time += 11_000;
    expect(await home.find(DIGEST)).toBeUndefined();
    expect(await home.propose(proposal({ notAfter: clock.time + 60_000 }))).toMatchObject({
      opened: true,
      approval: { name: "aaaaaaaaaaaaaaaa-2" },
    });
  });

  test("a proposal that nobody decided expires, is told once, and its number is not given again", async () => {
    const { home, clock } = await makeRig();
    const states: string[] = [];
    home.onChange(({ state }) => states.push(state));
    const { name } = await opened(home);
    clock.time = START + 900_000;
    await home.refresh();
    await home.refresh();
    expect(await home.get(name)).toMatchObject({ state: "expired" });
    expect(states).toEqual(["expired"]);
    expect((await opened(home, { notAfter: clock.time + 60_000 })).name).toBe("aaaaaaaaaaaaaaaa-2");
  });

  test("an approval past its notAfter lifts nothing", async () => {
    const rig = await makeRig();
    const { name } = await approved(rig);
    rig.clock.time = START + 900_000;
    expect(await rig.home.find(DIGEST)).toBeUndefined();
    expect(await rig.home.use(name, "x-1")).toEqual({ ok: false, reason: "expired" });
  });

  test("an approval is used once, however many ask at once", async () => {
    const rig = await makeRig();
    const states: string[] = [];
    const { name } = await approved(rig);
    rig.home.onChange(({ state }) => states.push(state));
    const results = await Promise.all(Array.from({ length: 10 }, (_, i) => rig.home.use(name, `x-${i}`)));
    expect(results.filter(({ ok }) => ok)).toEqual([{ ok: true, n: 1 }]);
    expect(results.filter(({ ok }) => !ok)).toEqual(Array(9).fill({ ok: false, reason: "spent" }));
    expect(await rig.home.find(DIGEST)).toBeUndefined();
    expect(await rig.home.get(name)).toMatchObject({ state: "consumed", uses: [{ n: 1 }] });
    expect(states).toEqual(["consumed"]);
  });

  test("maxUses 2 gives two uses, each to another exchange, and then is consumed", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const { name } = await approved(rig, { maxUses: 2 });
    expect(await home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
    expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "spent" });
    expect((await home.get(name))?.state).toBe("approved");
    expect(await home.use(name, "x-2")).toEqual({ ok: true, n: 2 });
    expect((await home.get(name))?.state).toBe("consumed");
    expect(await home.use(name, "x-3")).toEqual({ ok: false, reason: "spent" });
  });

  test("after a release the same exchange may try again until notAfter, and no other", async () => {
    const rig = await makeRig();
    const { home, clock } = rig;
    const { name } = await approved(rig);
    await home.use(name, "x-1");
    await home.release(name, 1, "x-2");
    expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "spent" });
    await home.release(name, 1, "x-1");
    expect(await home.use(name, "x-2")).toEqual({ ok: false, reason: "spent" });
    expect(await home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
    await home.release(name, 1, "x-1");
    clock.time += 900_000;
    expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "expired" });
  });

  test("a pending and a denied proposal cannot be used", async () => {
    const rig = await makeRig();
    const { name } = await opened(rig.home);
    expect(await rig.home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
    await rig.deny(name, bob, "no");
    expect(await rig.home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
  });

  test("every requirement has its number of people before anything is approved", async () => {
    const rig = await makeRig();
    const requirements = [{ rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 2 }];
    const { name } = await opened(rig.home, { requirements });
    await rig.approve(name, bob, { last: false });
    expect((await rig.home.get(name))?.state).toBe("pending");
    await rig.approve(name, dora);
    const approval = await rig.home.get(name);
    expect(approval?.state).toBe("approved");
    expect(approval?.approvals.map(({ username }) => username).sort()).toEqual([bob.username, dora.username]);
  });

  test("a session has a cap of pending proposals, and a known one is no further one", async () => {
    const { home } = await makeRig({ limits: { holdsPerSession: 2 } });
    await opened(home, { digest: digestOf(1) });
    await opened(home, { digest: digestOf(2) });
    await expect(opened(home, { digest: digestOf(3) })).rejects.toMatchObject({
      code: "too-many",
      message: expect.stringContaining("session"),
    });
    expect(await home.propose(proposal({ digest: digestOf(1) }))).toMatchObject({ opened: false });
  });

  test("a change that is too large to be shown is refused, never cut", async () => {
    const { home } = await makeRig();
    const changes = [{ path: "data.k", to: "v".repeat(300_000) }];
    await expect(opened(home, { changes })).rejects.toMatchObject({ code: "body-too-large" });
  });

  test("an approval that nobody knows is not found", async () => {
    const { home } = await makeRig();
    for (const name of ["aaaaaaaaaaaaaaaa-1", "../../HEAD", ""]) {
      expect(await home.get(name)).toBeUndefined();
      expect(await home.use(name, "x")).toEqual({ ok: false, reason: "not-approved" });
      expect(await home.stands(name)).toBe(false);
    }
  });

  test("after close nothing is changed any more, and whoever waits is let go", async () => {
    const { home } = await makeRig();
    const { name } = await opened(home);
    const waiting = home.waitSettled(name, new AbortController().signal);
    await home.close();
    expect((await waiting).state).toBe("pending");
    await expect(home.propose(proposal({ digest: digestOf(9) }))).rejects.toMatchObject({ code: "draining" });
  });
}
