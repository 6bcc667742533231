import { expect, test } from "vitest";
import { actor, alice, bob, DIGEST, dora, opened, proposal } from "./fixtures.ts";
import type { MakeRig } from "./rig.ts";

const TERMS = { validForSeconds: 300, reviewWithinSeconds: 3600 };

/** One person's word, reviewed afterwards. */
export function breakGlass(makeRig: MakeRig): void {
  test("a break-glass lets one use through for its short life, and says who and why", async () => {
    const { home, clock } = await makeRig();
    const { name } = await opened(home, { maxUses: 5 });
    const waiting = home.waitSettled(name, AbortSignal.timeout(45_000));
    await home.breakGlass(name, alice, { reason: "prod is down" }, TERMS);
    expect(await waiting).toMatchObject({
      state: "approved",
      approvals: [],
      proposal: { maxUses: 1, notAfter: clock.time + 300_000 },
      breakGlass: { by: { username: alice.username, reason: "prod is down" }, reviewBy: clock.time + 3_600_000 },
    });
    expect((await home.find(DIGEST))?.name).toBe(name);
    expect(await home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
    expect(await home.use(name, "x-2")).toEqual({ ok: false, reason: "spent" });
  });

  test("a break-glass that is over lifts nothing", async () => {
    const { home, clock } = await makeRig();
    const { name } = await opened(home);
    await home.breakGlass(name, alice, { reason: "prod is down" }, TERMS);
    clock.time += 300_000;
    expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "expired" });
  });

  test("a break-glass is known to another replica and after a restart", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const { name } = await opened(rig.home);
    await other.refresh();
    await rig.home.breakGlass(name, alice, { reason: "prod is down" }, TERMS);
    await other.refresh();
    const expected = { state: "approved", breakGlass: { by: { username: alice.username } } };
    expect(await other.get(name)).toMatchObject(expected);
    expect(await (await rig.open()).get(name)).toMatchObject(expected);
  });

  test.each([
    ["an absolute finding", { absolute: true }, alice, "forbidden"],
    ["an agent's own login", {}, actor("corp:agent-alice", "corp:oncall"), "forbidden"],
    ["an unlisted login", {}, actor("corp:mallory@example.com", "corp:oncall"), "forbidden"],
  ])("a break-glass is refused for %s", async (_, finding, by, code) => {
    const { home } = await makeRig();
    const findings = proposal().findings.map((one) => ({ ...one, ...finding }));
    const { name } = await opened(home, { findings });
    await expect(home.breakGlass(name, by, { reason: "prod is down" }, TERMS)).rejects.toMatchObject({ code });
    expect((await home.get(name))?.state).toBe("pending");
  });

  test("a break-glass is reviewed by an approver who is neither its requester nor who did it", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const { name } = await opened(home);
    await home.breakGlass(name, bob, { reason: "prod is down" }, TERMS);
    await rig.review(name, dora, "accepted", "it was right");
    expect((await home.get(name))?.breakGlass?.review).toMatchObject({ username: dora.username, verdict: "accepted" });
    expect(home.status().overdueReviews).toEqual([]);
  });

  test("a review that does not come in time is overdue, on every replica, until it comes", async () => {
    const rig = await makeRig();
    const { home, clock } = rig;
    const { name } = await opened(home);
    await home.breakGlass(name, bob, { reason: "prod is down" }, TERMS);
    await home.use(name, "x-1");
    expect(home.status().overdueReviews).toEqual([]);
    clock.time += 3_600_000;
    await home.refresh();
    const other = await rig.open();
    expect(home.status().overdueReviews).toEqual([name]);
    expect(other.status().overdueReviews).toEqual([name]);
    await rig.review(name, dora, "accepted", "late, and right");
    await other.refresh();
    expect(home.status().overdueReviews).toEqual([]);
    expect(other.status().overdueReviews).toEqual([]);
  });

  test("a rejected break-glass is taken back: what it let begin stands no more", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const { name } = await opened(home);
    await home.breakGlass(name, bob, { reason: "prod is down" }, TERMS);
    await home.use(name, "x-1");
    const told: string[] = [];
    home.onChange(({ state, breakGlass: one }) => told.push(`${state} ${one?.review?.verdict}`));
    await rig.review(name, dora, "rejected", "it was not");
    await home.refresh();
    expect(told).toEqual(["consumed rejected", "revoked rejected"]);
    expect(await home.get(name)).toMatchObject({ state: "revoked", breakGlass: { review: { verdict: "rejected" } } });
    expect(await home.stands(name)).toBe(false);
  });

  test("what is decided already needs no break-glass", async () => {
    const rig = await makeRig();
    const { name } = await opened(rig.home);
    await rig.approve(name, bob);
    await expect(rig.home.breakGlass(name, alice, { reason: "x" }, TERMS)).rejects.toMatchObject({ code: "conflict" });
  });
}
