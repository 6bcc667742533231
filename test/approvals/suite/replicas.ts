import { expect, test } from "vitest";
import { bob, DIGEST, digestOf, opened, proposal } from "./fixtures.ts";
import { approved, type MakeRig } from "./rig.ts";

/** Two gateways on one repository, and one that starts again. */
export function replicas(makeRig: MakeRig): void {
  test("two gateways agree on one proposal, since creating the branch is the lock", async () => {
    const { home, open } = await makeRig();
    const other = await open();
    const results = await Promise.all([home, other, home, other].map((one) => one.propose(proposal())));
    expect(results.filter((one) => one.opened)).toHaveLength(1);
    expect(new Set(results.map(({ approval }) => approval.file)).size).toBe(1);
  });

  test("whoever waits at one gateway goes on when it is approved at another", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const { name } = await opened(other);
    const waiting = other.waitSettled(name, AbortSignal.timeout(45_000));
    await rig.home.refresh();
    await rig.approve(name, bob);
    await other.refresh();
    expect((await waiting).state).toBe("approved");
    expect(await other.use(name, "x-1")).toEqual({ ok: true, n: 1 });
  });

  test("an approval is used once across two gateways", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const { name } = await approved(rig);
    await other.refresh();
    const results = await Promise.all([rig.home.use(name, "x-1"), other.use(name, "x-2")]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.filter(({ ok }) => !ok)).toEqual([{ ok: false, reason: "spent" }]);
  });

  test("what one gateway opened and settled, the other neither opens under the same name nor forgets", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const { name } = await opened(rig.home);
    await rig.deny(name, bob, "no");
    await other.refresh();
    await expect(other.propose(proposal())).rejects.toMatchObject({ code: "approval-denied" });
    await rig.home.cancel((await opened(rig.home, { digest: digestOf(2) })).name, "", "withdrawn");
    await other.refresh();
    expect((await opened(other, { digest: digestOf(2) })).name).toBe(`${digestOf(2).slice(0, 16)}-2`);
  });

  test("a use is told at the other gateway, once", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    const { name } = await approved(rig);
    await other.refresh();
    const states: string[] = [];
    other.onChange(({ state }) => states.push(state));
    await rig.home.use(name, "x-1");
    await other.refresh();
    await other.refresh();
    expect(states).toEqual(["consumed"]);
  });

  test("pending, approved, denied and spent approvals survive a restart", async () => {
    const rig = await makeRig();
    const { home, open } = rig;
    const pending = await opened(home, { digest: digestOf(1) });
    const approval = await approved(rig, { digest: digestOf(2) });
    const denied = await opened(home, { digest: digestOf(3) });
    await rig.deny(denied.name, bob, "no");
    const spent = await approved(rig, { digest: digestOf(4) });
    await home.use(spent.name, "x-1");
    await home.close();
    const again = await open();
    expect(await again.get(pending.name)).toMatchObject({ state: "pending", proposal: pending.proposal });
    expect((await again.find(digestOf(2)))?.name).toBe(approval.name);
    expect(await again.get(denied.name)).toMatchObject({ state: "denied", denial: { reason: "no" } });
    expect(await again.get(spent.name)).toMatchObject({ state: "consumed", uses: [{ n: 1, exchangeId: "x-1" }] });
    expect(await again.propose(proposal({ digest: digestOf(1) }))).toMatchObject({ opened: false });
  });

  test("a use whose end nobody knows stays spent after a restart", async () => {
    const rig = await makeRig();
    const { name } = await approved(rig);
    await rig.home.use(name, "x-1");
    await rig.home.release(name, 1, "x-1");
    await rig.home.close();
    expect(await (await rig.open()).use(name, "x-1")).toEqual({ ok: false, reason: "spent" });
  });

  test("the list has what each gateway opened, by state", async () => {
    const rig = await makeRig();
    const other = await rig.open();
    await opened(rig.home, { digest: digestOf(1) });
    await opened(other, { digest: digestOf(2) });
    await rig.deny((await opened(rig.home, { digest: digestOf(3) })).name, bob, "no");
    await rig.home.refresh();
    const { items } = await rig.home.list({ state: "pending" });
    expect(items.map(({ proposal: { digest } }) => digest).sort()).toEqual([digestOf(1), digestOf(2)]);
    expect(await rig.home.find(DIGEST)).toBeUndefined();
  });

  test("of two standing approvals of one request, the one for the present change is found, though it is the older", async () => {
    const rig = await makeRig();
    const change = "d".repeat(64);
    const first = await approved(rig);
    const second = await approved(rig, { change, supersedes: first.name });
    expect((await rig.home.find(DIGEST, first.proposal.change))?.name).toBe(first.name);
    expect((await rig.home.find(DIGEST, change))?.name).toBe(second.name);
    expect((await rig.home.find(DIGEST, "e".repeat(64)))?.name).toBe(second.name);
  });
}
