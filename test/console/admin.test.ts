import { expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../base/log.ts";
import { openAdmin } from "../../console/admin.ts";

async function admin(health: () => string | undefined, metrics?: () => string) {
  const options = { address: "127.0.0.1:0", health, log: silentLog };
  const server = await openAdmin(metrics === undefined ? options : { ...options, metrics });
  onTestFinished(() => server.close());
  return async (path: string, method = "GET") => {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [answer.status, await answer.text()];
  };
}

test("a gateway that lives and is not ready says why", async () => {
  let reason: string | undefined;
  const get = await admin(() => reason);
  expect(await get("/readyz")).toEqual([200, "ok\n"]);
  reason = "the spool is full";
  expect(await get("/readyz")).toEqual([503, "the spool is full\n"]);
  expect(await get("/livez")).toEqual([200, "ok\n"]);
});

test("nothing but the three paths is served, and nothing is changed", async () => {
  const get = await admin(
    () => undefined,
    () => "a 1\n",
  );
  expect(await get("/metrics")).toEqual([200, "a 1\n"]);
  expect((await get("/connections/prod/api"))[0]).toBe(404);
  expect((await get("/livez", "POST"))[0]).toBe(405);
});

test("an address in use is an error that names it", async () => {
  const first = await openAdmin({ address: "127.0.0.1:0", health: () => undefined, log: silentLog });
  onTestFinished(() => first.close());
  const again = openAdmin({ address: `127.0.0.1:${first.port}`, health: () => undefined, log: silentLog });
  await expect(again).rejects.toThrow(`127.0.0.1:${first.port}`);
});
