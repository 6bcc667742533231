import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { seenDigest } from "../../approvals/batch.ts";
import { Repository } from "../../approvals/git/repository.ts";
import { cpuTime } from "../clocks.ts";
import { alice, approved, bob, DIGEST, dora, opened, proposal, rig, START, seen } from "./embedded.ts";

const hex = (n: number): string => n.toString(16).padStart(64, "0");

test("the branch is deleted when its proposal settles, and a use is a ref of its own", async () => {
  const { home, git } = await rig();
  const { name } = await approved(home);
  await home.deny((await opened(home, { digest: hex(2) })).name, bob, { reason: "no" });
  await home.use(name, "x-1");
  expect(git(["for-each-ref", "refs/heads/sallyport"])).toBe("");
  expect(git(["cat-file", "-p", `refs/sallyport/used/${name}/1`])).toBe("x-1");
});

test("a request that joins a batch after it was shown is not approved unseen", async () => {
  const { home } = await rig();
  const first = await opened(home, { digest: `1${DIGEST.slice(1)}`, batch: true });
  const second = await opened(home, { digest: `2${DIGEST.slice(1)}`, batch: true });
  const third = await opened(home, { digest: `3${DIGEST.slice(1)}`, batch: true });
  const before = seenDigest([first, second]);
  await expect(home.approve(first.name, bob, { reason: "", seen: before })).rejects.toMatchObject({ code: "conflict" });
  await home.approve(first.name, bob, { reason: "", seen: seenDigest([first, second, third]) });
  expect((await home.get(third.name))?.state).toBe("approved");
});

test("of a batch each may be approved by its own file, and they go on together when the last one is", async () => {
  const { home } = await rig();
  const first = await opened(home, { digest: `1${DIGEST.slice(1)}`, batch: true });
  const second = await opened(home, { digest: `2${DIGEST.slice(1)}`, batch: true });
  await home.approve(first.name, bob, { reason: "", seen: seen(first) });
  expect((await home.get(first.name))?.state).toBe("pending");
  await home.approve(second.name, bob, { reason: "", seen: seen(second) });
  expect((await home.get(first.name))?.state).toBe("approved");
});

test("where one of a batch needs more people, none of it is approved before they have come", async () => {
  const { home } = await rig();
  const [requirement] = proposal().requirements;
  const one = await opened(home, { digest: `1${DIGEST.slice(1)}`, batch: true });
  const more = [{ ...requirement, rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 2 }];
  const other = await opened(home, { digest: `2${DIGEST.slice(1)}`, batch: true, requirements: more });
  const shown = seenDigest([one, other]);
  await home.approve(one.name, bob, { reason: "", seen: shown });
  expect((await home.get(one.name))?.state).toBe("pending");
  await home.approve(one.name, dora, { reason: "", seen: shown });
  expect((await home.get(one.name))?.state).toBe("approved");
  expect((await home.get(other.name))?.state).toBe("approved");
});

test("a hold goes on within 100 ms of its approval", async () => {
  const { home } = await rig();
  const times: number[] = [];
  for (let i = 1; i <= 5; i++) {
    const approval = await opened(home, { digest: hex(i) });
    const waiting = home.waitSettled(approval.name, AbortSignal.timeout(45_000));
    let goesOn = false;
    waiting.then(() => {
      goesOn = true;
    });
    const took = cpuTime();
    await home.approve(approval.name, bob, { reason: "", seen: seen(approval) });
    // What git took of it is the machine's; of ours nothing comes between the two.
    await setImmediate();
    times.push(took());
    expect(goesOn).toBe(true);
  }
  expect(times.sort((a, b) => a - b)[0]).toBeLessThan(100);
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
  const waiting = home.waitSettled(approval.name, AbortSignal.timeout(45_000));
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

test("a reset by one gateway counts for the others that stand still", async () => {
  const { home, open, git } = await rig();
  const other = await open();
  await approved(home, { digest: hex(1) });
  await other.refresh();
  const first = git(["rev-list", "--max-parents=0", "main"]);
  git(["update-ref", "refs/heads/main", first]);
  await Promise.all([home.refresh(), other.refresh()]);
  expect(other.status().frozen).toBeDefined();
  await home.reset(bob, { commit: first, reason: "restored from a backup" });
  await other.refresh();
  expect(other.status().frozen).toBeUndefined();
  expect(await other.propose(proposal({ digest: hex(2) }))).toMatchObject({ opened: true });
});

test("a break-glass that was rejected lets nothing through, though a crash kept it from being taken back", async () => {
  const r = await rig();
  class Dies extends Repository {
    override async swap(changes: Parameters<Repository["swap"]>[0]): Promise<void> {
      if (changes.some(({ ref, to }) => ref.startsWith("refs/sallyport/revoked/") && to !== ""))
        throw new Error("killed");
      return super.swap(changes);
    }
  }
  const { name } = await opened(r.home);
  const home = await r.open({ repository: new Dies(r.path) });
  await home.breakGlass(name, alice, { reason: "an outage" }, { validForSeconds: 300, reviewWithinSeconds: 3600 });
  await home.review(name, bob, { reason: "it was none", verdict: "rejected" }).catch(() => {});
  expect(await home.use(name, "x-1").catch(() => "refused")).not.toMatchObject({ ok: true });
  await home.close();
  const again = await r.open();
  expect(await again.use(name, "x-2")).toEqual({ ok: false, reason: "not-approved" });
  expect((await again.get(name))?.state).toBe("revoked");
});
