import { describe, expect, onTestFinished, test, vi } from "vitest";
import { kube, send, spooled, until } from "./client.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const PODS = "/api/v1/namespaces/shop/pods";

describe("who has not said who they are", () => {
  test.each([
    ["no token", undefined],
    ["a token that proves nothing", "a.b.c"],
  ])("learns with %s no names of connections: each gets the same 401", async (_title, bad) => {
    const call = bad === undefined ? {} : { token: bad };
    const [known, ...unknown] = await Promise.all(
      ["/connections/local", "/connections/nothing", "/connections/", "/connections/nothing/api?a=/b"].map((path) =>
        send(rig, "GET", path, call),
      ),
    );
    expect(known?.status).toBe(401);
    const told = ({ status, headers, text }: Awaited<ReturnType<typeof send>>) => {
      const id = String(headers["audit-id"]);
      const { date: _date, ...rest } = headers;
      return JSON.parse(JSON.stringify({ status, rest, text }).replaceAll(id, "ID")) as unknown;
    };
    for (const reply of unknown) expect(told(reply)).toEqual(known && told(known));
  });

  test("is refused at the door of a connection that is not there as at one that is", async () => {
    const headers = { "impersonate-user": "root" };
    for (const name of ["local", "nothing"]) {
      expect((await send(rig, "GET", `/connections/${name}${PODS}`, { headers })).status).toBe(403);
    }
  });
});

test("who is known is told 404 of a connection that is not there, and it is on record as theirs", async () => {
  const { status, headers, json } = await send(rig, "GET", `/connections/nothing${PODS}`, { token });
  expect([status, json?.message]).toEqual([404, expect.stringContaining("no such connection")]);
  const row = await until(() => spooled(rig).find((event) => event.exchange_id === headers["audit-id"]));
  expect(row).toMatchObject({
    kind: "request.refused",
    status: 404,
    username: "dev:agent@example.com",
    path: `/connections/nothing${PODS}`,
  });
});

test("a flood of refusals of nobody known is on record in full for a hundred a second, and counted past that", async () => {
  const anonymous = () => spooled(rig).filter(({ session_id }) => session_id === "anonymous");
  const suppressed = (): number =>
    anonymous().reduce((sum, { payload }) => sum + Number(JSON.parse(payload).suppressed ?? 0), 0);
  const before = anonymous().length;
  const started = Date.now();
  // A second that lasts as long as the flood does, on any machine.
  const now = performance.now();
  const second = vi.spyOn(performance, "now").mockReturnValue(now);
  onTestFinished(() => second.mockRestore());
  const known = Promise.all(Array.from({ length: 150 }, () => kube(rig, "GET", "/api/v1/secrets", { token })));
  const replies = await Promise.all(
    Array.from({ length: 400 }, (_, i) => send(rig, "GET", `/connections/local${PODS}?flood=${i}`)),
  );
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([401]));
  // Those of who is known are on record, however many.
  for (const { status, headers } of await known) {
    expect(status).toBe(403);
    await until(() => spooled(rig).some(({ exchange_id }) => exchange_id === headers["audit-id"]));
  }
  await until(() => suppressed() > 0);
  await until(() => anonymous().length - before + suppressed() >= 400);
  const rows = anonymous().slice(before);
  const summaries = rows.filter(({ payload }) => JSON.parse(payload).code === "too-many");
  expect(rows.length - summaries.length + suppressed()).toBe(400);
  expect(rows.length - summaries.length).toBeLessThanOrEqual(100);
  expect(summaries.length).toBeGreaterThan(0);
  expect(summaries.length).toBeLessThanOrEqual(Math.ceil((Date.now() - started) / 1_000) + 1);
});
