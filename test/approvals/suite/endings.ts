import { expect, test } from "vitest";
import type { Kill } from "../../../approvals/types.ts";
import { alice, bob, DIGEST, digestOf, opened, proposal, START } from "./fixtures.ts";
import { approved, type MakeRig } from "./rig.ts";

const kill = (session: string): Kill => ({
  session,
  by: bob.username,
  reason: "runs amok",
  at: START,
  until: START + 3_600_000,
});

/** Taken back, cancelled, killed. */
export function endings(makeRig: MakeRig): void {
  test("an approval that is revoked lifts nothing, and is told once", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const { name } = await approved(rig);
    const states: string[] = [];
    home.onChange(({ state }) => states.push(state));
    const revoked = await home.revoke(name, bob, { reason: "a mistake" });
    expect(revoked).toMatchObject({ state: "revoked", ended: { by: bob.username, reason: "a mistake" } });
    expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
    expect(await home.find(DIGEST)).toBeUndefined();
    expect(await home.stands(name)).toBe(false);
    await home.refresh();
    expect(states).toEqual(["revoked"]);
  });

  test("an approval that was used is revoked as well: what it let begin stands no more", async () => {
    const rig = await makeRig();
    const { name } = await approved(rig);
    await rig.home.use(name, "x-1");
    expect(await rig.home.stands(name)).toBe(true);
    expect((await rig.home.revoke(name, bob, { reason: "stop" })).state).toBe("revoked");
    expect(await rig.home.stands(name)).toBe(false);
  });

  test("who was given an approval may give it back", async () => {
    const rig = await makeRig();
    const { name } = await approved(rig);
    expect((await rig.home.revoke(name, alice, { reason: "not needed" })).state).toBe("revoked");
  });

  test("what is pending, denied or revoked cannot be revoked", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const conflict = expect.objectContaining({ code: "conflict" });
    const { name } = await opened(home);
    await expect(home.revoke(name, bob, { reason: "" })).rejects.toEqual(conflict);
    await rig.deny(name, bob, "no");
    await expect(home.revoke(name, bob, { reason: "" })).rejects.toEqual(conflict);
    const other = await approved(rig, { digest: digestOf(2) });
    await home.revoke(other.name, bob, { reason: "" });
    await expect(home.revoke(other.name, bob, { reason: "" })).rejects.toEqual(conflict);
  });

  test("a revocation is known to another replica with its next look, and after a restart", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const { name } = await approved(rig);
    await other.refresh();
    const told: string[] = [];
    other.onChange((approval) => told.push(`${approval.name} ${approval.state}`));
    await rig.home.revoke(name, bob, { reason: "stop" });
    expect(await other.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
    await other.refresh();
    expect(told).toEqual([`${name} revoked`]);
    expect(await (await rig.open()).get(name)).toMatchObject({ state: "revoked", ended: { reason: "stop" } });
  });

  test("a file that is taken off main is revoked, used or not, also where it is put back later", async () => {
    const rig = await makeRig();
    const { name } = await approved(rig);
    await rig.takeOffMain(name);
    await rig.home.refresh();
    expect(await rig.home.get(name)).toMatchObject({ state: "revoked", ended: { by: "" } });
    expect(await rig.home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
    expect((await (await rig.open()).get(name))?.state).toBe("revoked");
  });

  test("a pending proposal is cancelled, whoever waits is let go, and the same digest may ask anew", async () => {
    const { home } = await makeRig();
    const { name } = await opened(home);
    const waiting = home.waitSettled(name, AbortSignal.timeout(45_000));
    await home.cancel(name, "", "the client withdrew it");
    expect(await waiting).toMatchObject({ state: "cancelled", ended: { by: "", reason: "the client withdrew it" } });
    await expect(home.cancel(name, "", "again")).rejects.toMatchObject({ code: "conflict" });
    expect(await home.propose(proposal())).toMatchObject({ opened: true, approval: { name: "aaaaaaaaaaaaaaaa-2" } });
  });

  test("a kill cancels what its session waits for, takes back what it has not used, and leaves others alone", async () => {
    const rig = await makeRig();
    const { home } = rig;
    const requester = { issuer: "corp", username: "corp:agent-alice", session: "s-2" };
    const pending = await opened(home, { digest: digestOf(1) });
    const unused = await approved(rig, { digest: digestOf(2) });
    const others = await opened(home, { digest: digestOf(3), requester });
    const told: string[] = [];
    home.onKill(({ session }) => told.push(session));
    await home.kill(kill("s-1"));
    expect(told).toEqual(["s-1"]);
    expect(await home.get(pending.name)).toMatchObject({ state: "cancelled", ended: { by: bob.username } });
    expect((await home.get(unused.name))?.state).toBe("revoked");
    expect((await home.get(others.name))?.state).toBe("pending");
    await expect(opened(home, { digest: digestOf(4) })).rejects.toMatchObject({ code: "session-ended" });
  });

  test("a kill is told once on every replica, and to one that opens later", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const told: string[] = [];
    other.onKill(({ session, reason }) => told.push(`${session} ${reason}`));
    await rig.home.kill(kill("s-1"));
    await other.refresh();
    await other.refresh();
    const late: string[] = [];
    (await rig.open()).onKill(({ session }) => late.push(session));
    expect(told).toEqual(["s-1 runs amok"]);
    expect(late).toEqual(["s-1"]);
  });

  test("an approval of a killed session is spent by no replica, told or not", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const { name } = await approved(rig);
    await other.refresh();
    await rig.home.kill(kill("s-1"));
    expect(await other.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
  });

  test("a session with a name that is no ref's is killed as well", async () => {
    const rig = await makeRig();
    const told: string[] = [];
    await rig.home.kill(kill("../main.lock ?*"));
    (await rig.open()).onKill(({ session }) => told.push(session));
    expect(told).toEqual(["../main.lock ?*"]);
  });
}
