import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openStore } from "../../../audit/store/open.ts";
import { type ExpiredChain, expire, type Retention } from "../../../audit/store/retention.ts";
import type { Store } from "../../../audit/store/store.ts";

const NOW = Date.UTC(2026, 10, 22);
const DAY = 86_400_000;
const sha = (text: string): string => createHash("sha256").update(text).digest("hex");

const folder = mkdtempSync(join(tmpdir(), "sallyport-audit-"));
let store: Store;
beforeAll(async () => {
  store = await openStore({ embedded: join(folder, "store") }, "ours");
});
afterAll(async () => {
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});
// A tenant a test: to empty the tables each time takes longer than all the rest.
let tenant = "";
let tenants = 0;
beforeEach(() => {
  tenant = `tenant-${tenants++}`;
  seqs.clear();
});

let n = 0;
const seqs = new Map<string, number>();
/** An event of a session so many days ago. */
async function event(session: string, daysAgo: number, over: Record<string, unknown> = {}): Promise<void> {
  const seq = (seqs.get(session) ?? 0) + 1;
  seqs.set(session, seq);
  const at = new Date(NOW - daysAgo * DAY).toISOString().replace("T", " ").replace("Z", "");
  const row = {
    tenant,
    session_id: session,
    writer: "w",
    seq,
    at,
    kind: "request.outcome",
    payload: "{}",
    hash: `h${seq}`,
  };
  await store.insert({ lines: [Buffer.from(JSON.stringify({ ...row, ...over }))], token: `retention-${n++}` });
}
async function content(text: string, chunks: string[] = []): Promise<string> {
  const whole = chunks.length > 0 ? { size: text.length, chunks: chunks.map(sha) } : {};
  await store.insertBodies([
    { tenant, sha256: sha(text), content: Buffer.from(chunks.length > 0 ? "" : text), ...whole },
  ]);
  return sha(text);
}
const held = (session: string, kind: "session.held" | "session.released"): Promise<void> =>
  event(session, 350, { kind, payload: JSON.stringify({ by: "corp:carol", reason: "case 7" }) });

const RETENTION: Retention = { Metadata: "400d", Request: "200d", RequestResponse: "100d" };
async function run(
  retention: Retention = RETENTION,
): Promise<{ chains: number; contents: number; recorded: ExpiredChain[] }> {
  const recorded: ExpiredChain[] = [];
  const done = await expire(store, tenant, retention, NOW, async (chains) => void recorded.push(...chains));
  return { ...done, recorded };
}
const sessions = async (): Promise<string[]> =>
  (
    await store.query<{ s: string }>(
      "SELECT DISTINCT session_id AS s FROM events WHERE tenant = {tenant:String} ORDER BY s",
      { tenant },
    )
  ).map(({ s }) => s);
const contents = async (): Promise<string[]> =>
  (
    await store.query<{ s: string }>("SELECT DISTINCT sha256 AS s FROM bodies WHERE tenant = {tenant:String}", {
      tenant,
    })
  )
    .map(({ s }) => s)
    .sort();

describe("retention", () => {
  it("lets a chain go whole when its last event has passed its time, and says which", async () => {
    await event("old", 500);
    await event("old", 401);
    await event("long", 500);
    await event("long", 399);
    const { recorded } = await run();
    expect(recorded).toEqual([{ session_id: "old", writer: "w", events: 2, last_seq: 2, last_hash: "h2" }]);
    expect(await sessions()).toEqual(["long"]);
    expect((await store.query("SELECT seq FROM events WHERE tenant = {tenant:String}", { tenant })).length).toBe(2);
  });

  it.each([
    ["RequestResponse", 101, 99],
    ["Request", 201, 199],
    ["Metadata", 401, 399],
    ["", 401, 399],
  ])("keeps contents of the level %j for its time, and their rows with their chain", async (level, past, within) => {
    const [gone, stays] = [await content(`past ${level}`), await content(`within ${level}`)];
    await event("mixed", past, { record_level: level, request_body: gone });
    await event("mixed", within, { record_level: level, response_body: stays });
    await event("mixed", 1);
    await run();
    expect(await contents()).toEqual([stays]);
    expect((await store.query("SELECT seq FROM events WHERE tenant = {tenant:String}", { tenant })).length).toBe(3);
  });

  it("keeps a content that an event within its time names as well, anywhere in it", async () => {
    const digest = await content("named twice");
    await event("past", 150, { record_level: "RequestResponse", request_body: digest });
    await event("recent", 5, { payload: JSON.stringify({ facts: digest }) });
    await run();
    expect(await contents()).toEqual([digest]);
  });

  it("lets the parts of a content go with it, save those that another one shares", async () => {
    for (const part of ["one", "two", "three"]) await content(part);
    const gone = await content("one+two", ["one", "two"]);
    const stays = await content("two+three", ["two", "three"]);
    await event("parts", 150, { record_level: "RequestResponse", request_body: gone });
    await event("parts", 5, { record_level: "RequestResponse", request_body: stays });
    await run();
    expect(await contents()).toEqual([stays, sha("two"), sha("three")].sort());
  });

  it("keeps rows and contents of a session under legal hold, and lets them go once it is released", async () => {
    const digest = await content("held");
    await event("kept", 500, { record_level: "RequestResponse", request_body: digest });
    await held("kept", "session.held");
    await event("other", 500);
    await run({ ...RETENTION, Metadata: "300d" });
    expect([await sessions(), await contents()]).toEqual([["kept"], [digest]]);
    await held("kept", "session.released");
    await run({ ...RETENTION, Metadata: "300d" });
    expect([await sessions(), await contents()]).toEqual([[], []]);
  });

  it("keeps all for ever where no time is given, and a level for as long as the one below where its own is not", async () => {
    await event("ancient", 5000);
    expect(await run({})).toMatchObject({ chains: 0 });
    const digest = await content("of requests");
    await event("requests", 250, { record_level: "RequestResponse", request_body: digest });
    await event("requests", 250);
    await run({ Request: "200d" });
    expect([await sessions(), await contents()]).toEqual([["ancient", "requests"], []]);
  });

  it("lets go of nothing whose end could not be put on record", async () => {
    await event("old", 500);
    const refused = expire(store, tenant, RETENTION, NOW, () => Promise.reject(new Error("the spool is full")));
    await expect(refused).rejects.toThrow("the spool is full");
    expect(await sessions()).toEqual(["old"]);
  });

  it("leaves other tenants' rows alone", async () => {
    await event("theirs", 500, { tenant: "theirs" });
    await event("ours", 500);
    expect((await run()).recorded.map(({ session_id }) => session_id)).toEqual(["ours"]);
    expect(await store.query("SELECT count() AS n FROM events WHERE tenant = 'theirs'")).toEqual([{ n: 1 }]);
  });

  it("shows what is held, by whom and why, and which chains went", async () => {
    await held("kept", "session.held");
    const chains = [{ session_id: "old", writer: "w", events: 2, last_seq: 2, last_hash: "h2" }];
    await event("recorder", 1, { kind: "record.expired", payload: JSON.stringify({ chains }) });
    expect(
      await store.query("SELECT session_id, held, by, reason FROM legal_holds WHERE tenant = {tenant:String}", {
        tenant,
      }),
    ).toEqual([{ session_id: "kept", held: 1, by: "corp:carol", reason: "case 7" }]);
    expect(
      await store.query("SELECT session_id, last_seq FROM expired_chains WHERE tenant = {tenant:String}", { tenant }),
    ).toEqual([{ session_id: "old", last_seq: 2 }]);
  });
});
