import { expect, test } from "vitest";
import { ContentBudget } from "../../../approvals/github/budget.ts";
import { bob, digestOf, opened, proposal } from "../suite/fixtures.ts";
import { eventually, githubRig } from "./rig.ts";

const HOWS = process.env.SALLYPORT_TEST_ALL === "1" ? (["before", "after", "500"] as const) : (["after"] as const);
const STEPS = [
  { method: "POST", path: /\/git\/trees$/ },
  { method: "POST", path: /\/git\/commits$/ },
  { method: "POST", path: /\/git\/refs$/ },
  { method: "POST", path: /\/pulls$/ },
];

for (const match of STEPS) {
  for (const how of HOWS) {
    test(`a hold whose ${match.method} ${match.path.source.replaceAll("\\", "")} fails (${how}) is one pull request once it is asked for again`, async () => {
      const rig = await githubRig();
      rig.github.fault.next(match, how);
      const first = await rig.home.propose(proposal()).catch((error: unknown) => error);
      if (first instanceof Error) expect(first).toMatchObject({ code: "approvals-unavailable" });
      const { approval } = await rig.home.propose(proposal());
      await rig.approve(approval.name, bob);
      expect((await rig.now(approval.name)).state).toBe("approved");
      expect([...rig.github.state.pulls.values()]).toHaveLength(1);
    });
  }
}

test("a branch whose gateway died before it opened the pull request is found at the next start", async () => {
  const rig = await githubRig();
  rig.github.fault.next({ method: "POST", path: /\/pulls$/ }, "500");
  await expect(rig.home.propose(proposal())).rejects.toMatchObject({ code: "approvals-unavailable" });
  const again = await rig.open();
  expect((await again.list({ state: "pending" })).items).toHaveLength(1);
  expect([...rig.github.state.pulls.values()]).toHaveLength(1);
});

for (const how of [...HOWS, "hang"] as const) {
  test(`a use whose ref gets no answer (${how}) is one use at the most`, async () => {
    const rig = await githubRig(how === "hang" ? { home: { deadlineMs: 3_000 } } : {});
    const { name } = await opened(rig.home);
    await rig.approve(name, bob);
    rig.github.fault.next({ method: "POST", path: /\/git\/refs$/ }, how);
    const results = [
      await rig.home.use(name, "x-1").catch(() => undefined),
      await rig.home.use(name, "x-2").catch(() => undefined),
    ];
    expect(results.filter((result) => result?.ok === true)).toHaveLength(1);
    expect(rig.git(["for-each-ref", "refs/sallyport/used"]).split("\n")).toHaveLength(1);
  });
}

test("while GitHub is gone nothing is used, proposed or taken back, and what was known stays", async () => {
  const rig = await githubRig();
  const { name } = await opened(rig.home);
  await rig.approve(name, bob);
  rig.down();
  await expect(rig.home.use(name, "x-1")).rejects.toMatchObject({ code: "approvals-unavailable" });
  await expect(rig.home.propose(proposal({ digest: digestOf(2) }))).rejects.toMatchObject({
    code: "approvals-unavailable",
  });
  await expect(rig.home.revoke(name, bob, { reason: "x" })).rejects.toMatchObject({ code: "approvals-unavailable" });
  await rig.home.refresh();
  expect(rig.home.status().unreachable).toBe("it does not answer");
  expect((await rig.now(name)).state).toBe("approved");
  rig.up();
  await rig.home.refresh();
  expect(rig.home.status().unreachable).toBeUndefined();
  expect(await rig.home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
});

test("a thousand identical requests at once are one pull request", async () => {
  const rig = await githubRig();
  const all = await Promise.all(Array.from({ length: 1000 }, () => rig.home.propose(proposal())));
  expect(all.filter(({ opened }) => opened)).toHaveLength(1);
  expect(rig.github.state.pulls.size).toBe(1);
});

test("two gateways that are asked for the same at once open one pull request", async () => {
  const rig = await githubRig();
  const other = await rig.open();
  const both = await Promise.all([rig.home.propose(proposal()), other.propose(proposal())]);
  expect(both.filter(({ opened }) => opened)).toHaveLength(1);
  expect(new Set(both.map(({ approval }) => approval.name)).size).toBe(1);
});

test("two gateways that use an approval at once spend it once", async () => {
  const rig = await githubRig();
  const other = await rig.open();
  const { name } = await opened(rig.home);
  await other.refresh();
  await rig.approve(name, bob);
  await other.refresh();
  const both = await Promise.all([rig.home.use(name, "x-1"), other.use(name, "x-2")]);
  expect(both.filter(({ ok }) => ok)).toHaveLength(1);
});

test("requests of one session beyond its cap are refused, those that are being opened counted", async () => {
  const rig = await githubRig({ limits: { holdsPerSession: 3 } });
  const asked = Array.from({ length: 8 }, (_, n) => rig.home.propose(proposal({ digest: digestOf(n + 1) })));
  const all = await Promise.allSettled(asked);
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  expect(rig.github.state.pulls.size).toBe(3);
});

test("a hold beyond the content budget is refused with the reason and the time at which there is room again", async () => {
  const budget = new ContentBudget({ limits: { minute: 80, hour: 12 } });
  const rig = await githubRig({ home: { budget } });
  const { name } = await opened(rig.home);
  await expect(rig.home.propose(proposal({ digest: digestOf(2) }))).rejects.toMatchObject({
    code: "approvals-unavailable",
    message: expect.stringContaining("12 things an hour"),
    details: { next: expect.stringMatching(/room again at \d{4}-/) },
  });
  // What is left is for the use of what is open.
  await rig.approve(name, bob);
  expect(await rig.home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
});

test("what GitHub limits is not asked for again before the time that it named", async () => {
  const rig = await githubRig({ github: { limits: { perMinute: 6 } } });
  await opened(rig.home);
  await eventually(() => rig.github.state.pull(1).labels.length > 0);
  const asked = (n: number) => rig.home.propose(proposal({ digest: digestOf(n) }));
  await expect(asked(2)).rejects.toMatchObject({ code: "approvals-unavailable" });
  const before = rig.github.mutations();
  await expect(asked(3)).rejects.toMatchObject({ code: "approvals-unavailable" });
  expect(rig.github.mutations()).toBe(before);
  expect(rig.home.status().budget).toEqual({ minute: 0, hour: 0 });
});
