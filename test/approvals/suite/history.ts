import { expect, test } from "vitest";
import { bob, digestOf, opened, proposal, START } from "./fixtures.ts";
import { approved, type MakeRig } from "./rig.ts";

const unavailable = expect.objectContaining({ code: "approvals-unavailable" });

/** A repository that is rewritten, or that cannot be reached. */
export function history(makeRig: MakeRig): void {
  test("a rewritten main freezes: nothing new is proposed, approved or spent, and what is known stays", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const { name } = await approved(rig, { digest: digestOf(1) });
    const pending = await opened(home, { digest: digestOf(2) });
    await rig.rewriteMain();
    await home.refresh();
    expect(home.status().frozen).toMatchObject({ why: "main does not descend from the last good one" });
    await expect(home.propose(proposal({ digest: digestOf(3) }))).rejects.toEqual(unavailable);
    await expect(home.use(name, "x-1")).rejects.toEqual(unavailable);
    expect((await home.get(name))?.state).toBe("approved");
    expect((await home.get(pending.name))?.state).toBe("pending");
  });

  test("a rewritten main is not followed after a restart either, nor is what it brings back", async () => {
    const rig = await makeRig();
    const { name } = await approved(rig, { digest: digestOf(1) });
    await rig.home.revoke(name, bob, { reason: "a mistake" });
    await rig.home.close();
    await rig.rewriteMain();
    const again = await rig.open({ state: rig.state });
    expect(again.status().frozen).toBeDefined();
    expect(await again.use(name, "x-1").catch(({ code }) => code)).not.toMatchObject({ ok: true });
    await expect(again.propose(proposal())).rejects.toEqual(unavailable);
  });

  test("a person who names main's commit makes it count again, and nobody by another one", async () => {
    const rig = await makeRig();
    const { home } = rig;
    await approved(rig, { digest: digestOf(1) });
    const tip = await rig.rewriteMain();
    await home.refresh();
    const reason = "restored from a backup";
    await expect(home.reset(bob, { commit: "0".repeat(40), reason })).rejects.toMatchObject({ code: "conflict" });
    await home.reset(bob, { commit: tip, reason });
    expect(home.status().frozen).toBeUndefined();
    expect(await home.propose(proposal({ digest: digestOf(2) }))).toMatchObject({ opened: true });
  });

  test("while main is rewritten, what refuses more still works: a revocation and a kill", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const { name } = await approved(rig, { digest: digestOf(1) });
    const requester = { issuer: "corp", username: "corp:agent-bob", session: "s-2" };
    const pending = await opened(home, { digest: digestOf(2), requester });
    await rig.rewriteMain();
    await home.refresh();
    expect((await home.revoke(name, bob, { reason: "in doubt" })).state).toBe("revoked");
    expect(await home.stands(name)).toBe(false);
    await home.kill({ session: "s-2", by: bob.username, reason: "in doubt", at: START, until: START + 3_600_000 });
    expect((await home.get(pending.name))?.state).toBe("cancelled");
  });

  test("a repository that cannot be reached refuses, says so, and serves again when it is back", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const { name } = await approved(rig, { digest: digestOf(1) });
    rig.down();
    await home.refresh();
    expect(home.status().unreachable).toEqual(expect.any(String));
    await expect(home.propose(proposal())).rejects.toEqual(unavailable);
    await expect(home.use(name, "x-1")).rejects.toEqual(unavailable);
    expect((await home.get(name))?.state).toBe("approved");
    rig.up();
    await home.refresh();
    expect(home.status().unreachable).toBeUndefined();
    expect(await home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
  });

  test("a repository that hangs refuses in time, and what it was asked is not lost", async () => {
    const rig = await makeRig();
    const { name } = await approved(rig, { digest: digestOf(1) });
    const home = await rig.open({ deadlineMs: 3_000 });
    rig.hang();
    await expect(home.use(name, "x-1")).rejects.toEqual(unavailable);
    rig.up();
    await home.refresh();
    expect(await home.use(name, "x-2")).toEqual({ ok: true, n: 1 });
  });
}
