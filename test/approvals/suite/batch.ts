import { expect, test } from "vitest";
import { bob, digestOf, opened } from "./fixtures.ts";
import type { HomeRig, MakeRig } from "./rig.ts";

async function two({ home }: HomeRig): Promise<[string, string]> {
  const one = await opened(home, { digest: digestOf(1), batch: true });
  const other = await opened(home, { digest: digestOf(2), batch: true });
  await home.refresh();
  return [one.name, other.name];
}

/** Requests of one session's burst that guardrails say are decided together. */
export function batches(makeRig: MakeRig): void {
  test("requests of one session's burst are one batch, and another session's is not of it", async () => {
    const rig = await makeRig();
    const names = await two(rig);
    const requester = { issuer: "corp", username: "corp:agent-alice", session: "s-2" };
    const alone = await opened(rig.home, { digest: digestOf(3), batch: true, requester });
    for (const name of names) expect((await rig.home.get(name))?.batch).toEqual(names);
    expect((await rig.home.get(alone.name))?.batch ?? [alone.name]).toEqual([alone.name]);
  });

  test("a batch is approved as a whole, and each of it is spent on its own", async () => {
    const rig = await makeRig();
    const [one, other] = await two(rig);
    const states: string[] = [];
    rig.home.onChange(({ name, state }) => states.push(`${name} ${state}`));
    await rig.approve(one, bob);
    expect(states.sort()).toEqual([`${one} approved`, `${other} approved`]);
    expect((await rig.home.get(other))?.approvals.map(({ username }) => username)).toEqual([bob.username]);
    expect(await rig.home.use(one, "x-1")).toEqual({ ok: true, n: 1 });
    expect((await rig.home.get(other))?.state).toBe("approved");
    expect(await rig.home.use(other, "x-2")).toEqual({ ok: true, n: 1 });
  });

  test("a batch is denied as a whole, also by a gateway that starts afterwards", async () => {
    const rig = await makeRig();
    const [one, other] = await two(rig);
    await rig.deny(other, bob, "too much at once");
    for (const home of [rig.home, await rig.open()]) {
      for (const name of [one, other]) {
        expect(await home.get(name)).toMatchObject({ state: "denied", denial: { reason: "too much at once" } });
      }
    }
  });
}
