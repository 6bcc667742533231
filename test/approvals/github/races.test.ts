import { expect, onTestFinished, test, vi } from "vitest";
import { bob, digestOf, opened, proposal, START } from "../suite/fixtures.ts";
import { approved } from "../suite/rig.ts";
import { eventually, type GitHubRig, githubRig } from "./rig.ts";

interface Pause {
  /** Resolves once a request is held. */
  reached: Promise<void>;
  go(): void;
}

/** A network that holds the answer to the next request of a kind back. */
function network(): { fetch: typeof fetch; next(method: string, path: RegExp): Pause } {
  let waiting: { method: string; path: RegExp; reach(): void; gone: Promise<void> } | undefined;
  return {
    async fetch(url, init) {
      const answer = await fetch(url, init);
      const held = waiting;
      if (held === undefined || init?.method !== held.method || !held.path.test(String(url))) return answer;
      waiting = undefined;
      held.reach();
      await held.gone;
      return answer;
    },
    next(method, path) {
      const reached = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      waiting = { method, path, reach: reached.resolve, gone: gone.promise };
      return { reached: reached.promise, go: gone.resolve };
    },
  };
}
async function slow(): Promise<{ rig: GitHubRig; net: ReturnType<typeof network> }> {
  const net = network();
  const rig = await githubRig({ github: { memory: true }, home: { fetch: net.fetch, deadlineMs: 10_000 } });
  return { rig, net };
}

test("a use that GitHub answers after its approval has expired lets nothing through", async () => {
  const { rig, net } = await slow();
  const { name } = await approved(rig);
  const answer = net.next("POST", /\/git\/refs$/);
  const using = rig.home.use(name, "x-1");
  await answer.reached;
  rig.clock.time = START + 900_001;
  answer.go();
  expect(await using).toEqual({ ok: false, reason: "expired" });
});

test("a use that GitHub answers after its approval was taken back lets nothing through", async () => {
  const { rig, net } = await slow();
  const { name } = await approved(rig);
  const answer = net.next("POST", /\/git\/refs$/);
  const using = rig.home.use(name, "x-1");
  await answer.reached;
  const other = await rig.open();
  await other.revoke(name, bob, { reason: "no" });
  await rig.home.refresh();
  answer.go();
  expect(await using).toEqual({ ok: false, reason: "not-approved" });
});

test("a use that another gateway began before its approval was taken back is known where it was taken back", async () => {
  const { rig, net } = await slow();
  const { name } = await approved(rig);
  const other = await rig.open();
  const looked = net.next("GET", /matching-refs\/sallyport%2Fused|git\/ref\/heads%2Fmain/);
  const using = rig.home.use(name, "x-1");
  await looked.reached;
  await other.revoke(name, bob, { reason: "no" });
  looked.go();
  expect(await using).toEqual({ ok: true, n: 1 });
  await other.refresh();
  expect(await other.get(name)).toMatchObject({ state: "revoked", uses: [{ n: 1, exchangeId: "x-1" }] });
});

test("a request that finds another gateway's expired proposal in its way is given a name of its own", async () => {
  const { rig, net } = await slow();
  const other = await rig.open();
  const looked = net.next("GET", /matching-refs\/sallyport%2Fused/);
  const late = rig.home.propose(proposal({ notAfter: START + 3_600_000 }));
  await looked.reached;
  const first = await opened(other);
  rig.clock.time = first.proposal.notAfter + 1;
  looked.go();
  expect((await late).approval.name).not.toBe(first.name);
});

test("a request that was approved at another gateway while it was being proposed is not proposed again", async () => {
  const { rig, net } = await slow();
  const other = await rig.open();
  const looked = net.next("GET", /matching-refs\/sallyport%2Fused/);
  const late = rig.home.propose(proposal());
  await looked.reached;
  const { name, pullRequest } = await opened(other);
  const number = pullRequest?.number ?? 0;
  await rig.github.as("bob").review(number, { state: "APPROVED" });
  await rig.github.as("bob").merge(number);
  looked.go();
  expect(await late).toMatchObject({ opened: false, approval: { name, state: "approved", pullRequest: { number } } });
});

test("a list of uses that is older than a use does not make it forgotten", async () => {
  const { rig, net } = await slow();
  const { name } = await approved(rig);
  const answer = net.next("GET", /matching-refs\/sallyport%2Fused/);
  const refreshing = rig.home.refresh();
  await answer.reached;
  expect(await rig.home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
  answer.go();
  await refreshing;
  await rig.home.release(name, 1, "x-1");
  expect(await rig.home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
});

test("a hundred exchanges that waited for one approval ask GitHub no more than one does", async () => {
  const { rig } = await slow();
  const { name } = await approved(rig);
  await rig.home.use(name, "x-0");
  const before = rig.github.requests.length;
  const rest = await Promise.all(Array.from({ length: 100 }, (_, i) => rig.home.use(name, `x-${i + 1}`)));
  expect(rest.every((result) => !result.ok && result.reason === "spent")).toBe(true);
  expect(rig.github.requests.length - before).toBeLessThan(10);
});

test("a request that joins a batch as it is merged does not take its approval away", async () => {
  const { rig } = await slow();
  rig.github.state.settings.deleteBranchOnMerge = false;
  const { name } = await opened(rig.home, { digest: digestOf(1), batch: true });
  const number = await rig.number(name);
  await rig.github.as("bob").review(number, { state: "APPROVED" });
  await rig.github.as("bob").merge(number);
  const late = await opened(rig.home, { digest: digestOf(2), batch: true });
  expect(late.pullRequest?.number).not.toBe(number);
  await rig.home.refresh();
  expect((await rig.now(name)).state).toBe("approved");
  await rig.approve(late.name, bob);
  expect((await rig.now(late.name)).state).toBe("approved");
});

test("a batch whose newest request GitHub did not take into its text approves nothing until it shows it", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  const { rig } = await slow();
  const one = await opened(rig.home, { digest: digestOf(1), batch: true });
  const pull = rig.github.state.pull(await rig.number(one.name));
  rig.github.fault.next({ method: "PATCH", path: /\/pulls\/\d+$/ }, "500");
  const other = await opened(rig.home, { digest: digestOf(2), batch: true });
  await rig.home.refresh();
  expect(pull.body).not.toContain(other.name);
  vi.setSystemTime(Date.now() + 6000);
  await rig.home.refresh();
  await eventually(() => pull.body?.includes(other.name) === true);
  await rig.approve(one.name, bob);
  expect((await rig.now(other.name)).state).toBe("approved");
});

test("a request that joined a batch and is not shown in it is not approved", async () => {
  const { rig } = await slow();
  const one = await opened(rig.home, { digest: digestOf(1), batch: true });
  rig.github.fault.next({ method: "PATCH", path: /\/pulls\/\d+$/ }, "500");
  const other = await opened(rig.home, { digest: digestOf(2), batch: true });
  await rig.approve(one.name, bob);
  expect((await rig.now(other.name)).ended?.reason).toContain("does not show all");
});

test("a pull request that cannot be judged keeps no other from being judged, used or taken back", async () => {
  const { rig, net: _ } = await slow();
  const [one, other] = [await opened(rig.home), await opened(rig.home, { digest: digestOf(2) })];
  await rig.approve(one.name, bob);
  const number = await rig.number(other.name);
  await rig.github.as("bob").review(number, { state: "APPROVED" });
  await rig.github.as("bob").merge(number);
  const path = new RegExp(`/pulls/${number}/reviews`);
  for (let i = 0; i < 4; i++) rig.github.fault.next({ method: "GET", path }, "500");
  await rig.takeOffMain(one.name);
  await rig.home.refresh();
  expect((await rig.now(one.name)).state).toBe("revoked");
  await rig.home.refresh();
  expect((await rig.now(other.name)).state).toBe("approved");
});

test("a use that is made while the repository is looked at is no ref that is gone", async () => {
  const { rig, net } = await slow();
  const { name } = await approved(rig);
  const answer = net.next("GET", /\/git\/ref\/heads/);
  const looking = rig.home.refresh();
  await answer.reached;
  expect(await rig.home.use(name, "x-1")).toMatchObject({ ok: true });
  answer.go();
  await looking;
  expect(rig.home.status().frozen).toBeUndefined();
});

test("an answer about main that is older than what another look has seen is no step backwards", async () => {
  const { rig, net } = await slow();
  const answer = net.next("GET", /\/git\/ref\/heads/);
  const looking = rig.home.refresh();
  await answer.reached;

  await rig.github.as("alice").push("main", { "README.md": "Another\n" });
  await opened(rig.home, { digest: digestOf(8) });
  answer.go();
  await looking;
  expect(rig.home.status().frozen).toBeUndefined();
});

test("a merge that GitHub lists only after a newer change is found", async () => {
  let hidden: number | undefined;
  const rig = await githubRig({
    github: { memory: true },
    home: {
      async fetch(url, init) {
        const answer = await fetch(url, init);
        if (hidden === undefined || !/\/pulls\?.*sort=updated/.test(String(url)) || answer.status !== 200)
          return answer;
        const all = (await answer.json()) as { number: number }[];
        const headers = { "content-type": "application/json" };
        return new Response(JSON.stringify(all.filter(({ number }) => number !== hidden)), { headers });
      },
    },
  });
  const [one, other] = [await opened(rig.home), await opened(rig.home, { digest: digestOf(2) })];
  await rig.home.refresh();
  rig.clock.time += 10_000;
  hidden = await rig.number(one.name);
  await rig.approve(one.name, bob);
  rig.clock.time += 2000;
  await rig.github.as("carol").comment(await rig.number(other.name), "looking at it");
  await rig.home.refresh();
  expect((await rig.now(one.name)).state).toBe("pending");
  hidden = undefined;
  await rig.home.refresh();
  expect((await rig.now(one.name)).state).toBe("approved");
});
