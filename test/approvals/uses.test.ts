import { expect, test } from "vitest";
import { approved, DIGEST, opened, rig } from "./embedded.ts";

test("an approval is used once, however many ask at once", async () => {
  const { home, git } = await rig();
  const { name } = await approved(home);
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => home.use(name, `x-${i}`)));
  expect(results.filter(({ ok }) => ok)).toEqual([{ ok: true, n: 1 }]);
  expect(new Set(results.filter(({ ok }) => !ok).map((r) => JSON.stringify(r)))).toEqual(
    new Set(['{"ok":false,"reason":"spent"}']),
  );
  expect(git(["cat-file", "-p", `refs/sallyport/used/${name}/1`])).toMatch(/^x-\d+$/);
  expect(await home.find(DIGEST)).toBeUndefined();
});

test("an approval is used once across two gateways on one repository", async () => {
  const { home, open } = await rig();
  const { name } = await approved(home);
  const other = await open();
  const results = await Promise.all([home.use(name, "x-1"), other.use(name, "x-2")]);
  expect(results.filter(({ ok }) => ok)).toHaveLength(1);
  expect(results.filter(({ ok }) => !ok)).toEqual([{ ok: false, reason: "spent" }]);
});

test("maxUses 3 gives three uses, each to another exchange, and then is consumed", async () => {
  const { home } = await rig();
  const { name } = await approved(home, { maxUses: 3 });
  expect(await home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
  expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "spent" });
  expect(await home.use(name, "x-2")).toEqual({ ok: true, n: 2 });
  expect((await home.get(name))?.state).toBe("approved");
  expect(await home.use(name, "x-3")).toEqual({ ok: true, n: 3 });
  expect((await home.get(name))?.state).toBe("consumed");
  expect(await home.use(name, "x-4")).toEqual({ ok: false, reason: "spent" });
});

test("after a release the same exchange may try again until notAfter, and no other", async () => {
  const { home, clock } = await rig();
  const { name } = await approved(home);
  await home.use(name, "x-1");
  await home.release(name, 1, "x-2");
  expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "spent" });
  await home.release(name, 1, "x-1");
  expect(await home.use(name, "x-2")).toEqual({ ok: false, reason: "spent" });
  expect(await home.use(name, "x-1")).toEqual({ ok: true, n: 1 });
  expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "spent" });
  await home.release(name, 1, "x-1");
  clock.time += 900_000;
  expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "expired" });
});

test("a use whose end nobody knows stays spent after a restart", async () => {
  const { home, open } = await rig();
  const { name } = await approved(home);
  await home.use(name, "x-1");
  await home.release(name, 1, "x-1");
  await home.close();
  expect(await (await open()).use(name, "x-1")).toEqual({ ok: false, reason: "spent" });
});

test("a pending and a denied proposal cannot be used", async () => {
  const { home } = await rig();
  const { name } = await opened(home);
  expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
});
