import { expect, test } from "vitest";
import { type RefChange, Repository } from "../../approvals/git/repository.ts";
import { approved, bob, DIGEST, opened, proposal, type Rig, rig, START } from "./embedded.ts";

/** A repository that does something else first, once, when what is asked of it matches. */
function meddled(r: Rig, method: "swap" | "refs", matches: (args: readonly unknown[]) => boolean) {
  const repository = new Repository(r.path);
  const meanwhile = { run: async (): Promise<unknown> => undefined, times: 0 };
  const original = repository[method].bind(repository) as (...args: unknown[]) => Promise<never>;
  Object.assign(repository, {
    [method]: async (...args: unknown[]) => {
      if (meanwhile.times === 0 && matches(args)) {
        meanwhile.times++;
        await meanwhile.run();
      }
      return original(...args);
    },
  });
  return { repository, meanwhile };
}

test("the uses of what was taken back are the same at both gateways, whichever took it back", async () => {
  const { home, open } = await rig();
  const other = await open();
  const uses = [{ n: 1, exchangeId: "x-1" }];
  for (const [n, by] of [home, other].entries()) {
    const { name } = await approved(home, { digest: `${n + 1}`.repeat(64), maxUses: 2 });
    await other.refresh();
    await home.use(name, "x-1");
    await by.revoke(name, bob, { reason: "no longer" });
    await home.refresh();
    await other.refresh();
    for (const one of [home, other]) expect(await one.get(name)).toMatchObject({ state: "revoked", uses });
  }
});

test("what another gateway has used does not expire where that is not known yet: it is consumed", async () => {
  const { home, open, clock } = await rig();
  const other = await open();
  const { name } = await approved(home);
  await other.refresh();
  await home.use(name, "x-1");
  clock.time = START + 900_000;
  await other.propose(proposal({ notAfter: START + 1_800_000 }));
  await home.refresh();
  for (const one of [home, other]) {
    expect(await one.get(name)).toMatchObject({ state: "consumed", uses: [{ n: 1, exchangeId: "x-1" }] });
  }
});

test("a name that another gateway gave and settled meanwhile is not given to another file", async () => {
  const r = await rig();
  const { repository, meanwhile } = meddled(r, "swap", ([changes]) =>
    (changes as RefChange[]).some(({ ref }) => ref.endsWith(DIGEST)),
  );
  const other = await r.open({ repository });
  meanwhile.run = async () => {
    const { name } = await opened(r.home);
    await r.home.cancel(name, "", "withdrawn");
  };
  const { approval, opened: isNew } = await other.propose(proposal());
  expect(meanwhile.times).toBe(1);
  expect([approval.name, isNew]).toEqual([`${DIGEST.slice(0, 16)}-2`, true]);
});

test("what is opened and approved while a gateway starts is found there", async () => {
  const r = await rig();
  const { repository, meanwhile } = meddled(r, "refs", (args) => args.includes("refs/heads/main"));
  meanwhile.run = () => approved(r.home);
  const started = await r.open({ repository });
  expect(meanwhile.times).toBe(1);
  const { name, proposal: before } = (await r.home.list()).items[0] ?? expect.unreachable();
  await opened(r.home, { change: "d".repeat(64), supersedes: name });
  await started.refresh();
  expect(await started.find(DIGEST, before.change)).toMatchObject({ name, state: "approved" });
});

test("a gateway starts though another one repairs what a crash cut off at the same time", async () => {
  const r = await rig();
  const { name } = await approved(r.home);
  const settled = r.git(["rev-parse", `refs/sallyport/settled/${name}`]);
  r.git(["update-ref", "-d", `refs/sallyport/settled/${name}`]);
  const { repository, meanwhile } = meddled(r, "swap", ([changes]) =>
    (changes as RefChange[]).some(({ ref }) => ref.endsWith(name)),
  );
  meanwhile.run = async () => r.git(["update-ref", `refs/sallyport/settled/${name}`, settled]);
  const started = await r.open({ repository });
  expect(meanwhile.times).toBe(1);
  expect(await started.use(name, "x-1")).toEqual({ ok: true, n: 1 });
});
