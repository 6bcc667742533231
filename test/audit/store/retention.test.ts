import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { EventRow } from "../../../audit/event.ts";
import { checkedChains } from "../../../audit/evidence/expiring.ts";
import { chainHash } from "../../../audit/recorder/chain.ts";
import { Contents } from "../../../audit/recorder/contents.ts";
import { sparing } from "../../../audit/recorder/expiry.ts";
import { openStore } from "../../../audit/store/open.ts";
import {
  type ExpiredChain,
  type ExpiredChains,
  expire,
  type Retention,
  type SpareContents,
} from "../../../audit/store/retention.ts";
import type { Store, StoredBody } from "../../../audit/store/store.ts";
import { canonicalJson } from "../../../base/canonical-json.ts";
import { uuid7 } from "../../../base/uuid7.ts";
import { keys, Process } from "../evidence/process.ts";

const DAY = 86_400_000;
/** What the tests store is older than what retention spares as new. */
const NOW = Date.now() + 2 * DAY;
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
const events: Buffer[] = [];
const bodies: StoredBody[] = [];
/** An event of a session so many days ago. */
function event(session: string, daysAgo: number, over: Record<string, unknown> = {}): void {
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
  events.push(Buffer.from(JSON.stringify({ ...row, ...over })));
}
/** What was said so far goes to the store at once: each insert is synced to the disk for each month that it is of. */
async function settle(): Promise<void> {
  const lines = events.splice(0);
  if (lines.length > 0) await store.insert({ lines, token: `retention-${n++}` });
  const kept = bodies.splice(0);
  if (kept.length > 0) await store.insertBodies(kept);
}
async function ask<Row>(sql: string): Promise<Row[]> {
  await settle();
  return store.query<Row>(sql, { tenant });
}
function content(text: string, chunks: string[] = []): string {
  const whole = chunks.length > 0 ? { size: text.length, chunks: chunks.map(sha) } : {};
  bodies.push({ tenant, sha256: sha(text), content: Buffer.from(chunks.length > 0 ? "" : text), ...whole });
  return sha(text);
}
/** Stores a content by a clock of then. */
async function storedAt(ms: number, text: string): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: ms });
  await store.insertBodies([{ tenant, sha256: sha(text), content: Buffer.from(text) }]);
  vi.useRealTimers();
}
const held = (session: string, kind: "session.held" | "session.released"): void =>
  event(session, 350, { kind, payload: JSON.stringify({ by: "corp:carol", reason: "case 7" }) });

const RETENTION: Retention = { Metadata: "400d", Request: "200d", RequestResponse: "100d" };
async function run(
  retention: Retention = RETENTION,
): Promise<{ chains: number; contents: number; recorded: ExpiredChain[] }> {
  await settle();
  const recorded: ExpiredChain[] = [];
  const done = await expire(store, tenant, retention, NOW, {
    record: async ({ chains }) => void recorded.push(...chains),
  });
  return { ...done, recorded };
}
const OURS = "WHERE tenant = {tenant:String}";
const sessions = async (): Promise<string[]> =>
  (await ask<{ s: string }>(`SELECT DISTINCT session_id AS s FROM events ${OURS} ORDER BY s`)).map(({ s }) => s);
const contents = async (): Promise<string[]> =>
  (await ask<{ s: string }>(`SELECT DISTINCT sha256 AS s FROM bodies ${OURS} ORDER BY s`)).map(({ s }) => s);

describe("retention", () => {
  it("lets a chain go whole when its last event has passed its time, and says which", async () => {
    event("old", 500);
    event("old", 401);
    event("long", 500);
    event("long", 399);
    const { recorded } = await run();
    expect(recorded).toEqual([{ session_id: "old", writer: "w", events: 2, last_seq: 2, last_hash: "h2" }]);
    expect(await sessions()).toEqual(["long"]);
    expect((await ask("SELECT seq FROM events WHERE tenant = {tenant:String}")).length).toBe(2);
  });

  it.each([
    ["RequestResponse", 101, 99],
    ["Request", 201, 199],
    ["Metadata", 401, 399],
    ["", 401, 399],
  ])("keeps contents of the level %j for its time, and their rows with their chain", async (level, past, within) => {
    const [gone, stays] = [content(`past ${level}`), content(`within ${level}`)];
    event("mixed", past, { record_level: level, request_body: gone });
    event("mixed", within, { record_level: level, response_body: stays });
    event("mixed", 1);
    await run();
    expect(await contents()).toEqual([stays]);
    expect((await ask("SELECT seq FROM events WHERE tenant = {tenant:String}")).length).toBe(3);
  });

  it("keeps a content that an event within its time names as well, anywhere in it", async () => {
    const digest = content("named twice");
    event("past", 150, { record_level: "RequestResponse", request_body: digest });
    event("recent", 5, { payload: JSON.stringify({ facts: digest }) });
    await run();
    expect(await contents()).toEqual([digest]);
  });

  it("lets the parts of a content go with it, save those that another one shares", async () => {
    for (const part of ["one", "two", "three"]) content(part);
    const gone = content("one+two", ["one", "two"]);
    const stays = content("two+three", ["two", "three"]);
    event("parts", 150, { record_level: "RequestResponse", request_body: gone });
    event("parts", 5, { record_level: "RequestResponse", request_body: stays });
    await run();
    expect(await contents()).toEqual([stays, sha("two"), sha("three")].sort());
  });

  it("keeps rows and contents of a session under legal hold, and lets them go once it is released", async () => {
    const digest = content("held");
    event("kept", 500, { record_level: "RequestResponse", request_body: digest });
    held("kept", "session.held");
    event("other", 500);
    await run({ ...RETENTION, Metadata: "300d" });
    expect([await sessions(), await contents()]).toEqual([["kept"], [digest]]);
    held("kept", "session.released");
    await run({ ...RETENTION, Metadata: "300d" });
    expect([await sessions(), await contents()]).toEqual([[], []]);
  });

  it("keeps all for ever where no time is given, and a level for as long as the one below where its own is not", async () => {
    event("ancient", 5000);
    expect(await run({})).toMatchObject({ chains: 0 });
    const digest = content("of requests");
    event("requests", 250, { record_level: "RequestResponse", request_body: digest });
    event("requests", 250);
    await run({ Request: "200d" });
    expect([await sessions(), await contents()]).toEqual([["ancient", "requests"], []]);
  });

  it("keeps checkpoints and the record of what went: what is kept is proven by them", async () => {
    for (const session of ["checkpoints", "recorder", "old"]) event(session, 500);
    expect((await run()).recorded.map(({ session_id }) => session_id)).toEqual(["old"]);
  });

  it("lets no chain go that says to be older than its writer: an editor of the store wrote so", async () => {
    const v7 = (daysAgo: number): string => uuid7(NOW - daysAgo * DAY);
    event("edited", 500, { writer: v7(10) });
    event("old", 500, { writer: v7(501) });
    expect((await run()).recorded.map(({ session_id }) => session_id)).toEqual(["old"]);
  });

  it("keeps the refusals without a session while their writer lives: their chain may go on", async () => {
    event("anonymous", 500);
    event("recent", 1);
    event("anonymous", 500, { writer: "ended", seq: 1 });
    expect((await run()).recorded.map(({ writer }) => writer)).toEqual(["ended"]);
  });

  it("lets go of nothing whose end could not be put on record", async () => {
    event("old", 500);
    await settle();
    const refused = expire(store, tenant, RETENTION, NOW, {
      record: () => Promise.reject(new Error("the spool is full")),
    });
    await expect(refused).rejects.toThrow("the spool is full");
    expect(await sessions()).toEqual(["old"]);
  });

  it("keeps a chain that goes on, or that is held, while its end is put on record", async () => {
    for (const session of ["goes-on", "held", "ended"]) event(session, 500);
    await settle();
    const said: ExpiredChains[] = [];
    const done = await expire(store, tenant, RETENTION, NOW, {
      record: async (chains) => {
        if (said.push(chains) > 1) return;
        event("goes-on", 0);
        held("held", "session.held");
        await settle();
      },
    });
    expect(done.chains).toBe(1);
    expect(said[0]?.chains).toHaveLength(3);
    expect(said.slice(1)).toEqual([
      { chains: [], kept: ["goes-on", "held"].map((session_id) => ({ session_id, writer: "w" })) },
    ]);
    expect(await ask(`SELECT session_id AS s, count() AS n FROM events ${OURS} GROUP BY s ORDER BY s`)).toEqual([
      { s: "goes-on", n: 2 },
      { s: "held", n: 2 },
    ]);
  });

  it("keeps a content, and a part of one, that is named again between the look for it and its removal", async () => {
    const named = new Contents();
    const [again, part, gone] = ["named again", "of a stream", "gone"].map((text) => content(text));
    event("past", 150, { record_level: "RequestResponse", payload: JSON.stringify([again, part, gone]) });
    await settle();
    named.keep(Buffer.from("named again"), []);
    named.part("open", 0, Buffer.from("of a stream"), []);
    named.watch();
    const frames: Buffer[] = [];
    const spare = sparing({
      contents: named,
      shipper: {
        exclusively: (work) => {
          named.keep(Buffer.from("named again"), frames);
          return work();
        },
      },
    });
    await expire(store, tenant, RETENTION, NOW, { record: async () => {}, spare });
    expect(await contents()).toEqual([again, part].sort());
    // Another gateway may have removed it meanwhile.
    expect(frames.length).toBe(1);
  });

  it("keeps a content that another gateway stores again between the look for it and its removal, by its own row", async () => {
    const [again, gone] = ["stored again", "gone"].map((text) => content(text));
    event("past", 150, { record_level: "RequestResponse", payload: JSON.stringify([again, gone]) });
    await settle();
    const looks: string[][] = [];
    const spare: SpareContents = async (digests, remove) => {
      if (looks.push(digests) === 1) await storedAt(NOW - DAY + 1000, "stored again");
      return remove(digests);
    };
    await expire(store, tenant, RETENTION, NOW, { record: async () => {}, spare });
    expect(looks[0]).toEqual([again, gone].sort());
    expect(await contents()).toEqual([again]);
    expect(await ask(`SELECT content FROM bodies FINAL ${OURS}`)).toEqual([{ content: "stored again" }]);
  });

  it("keeps for a day what was stored lately, whatever names it: another gateway may not have stored yet what does", async () => {
    const digest = content("of an open stream");
    event("past", 150, { record_level: "RequestResponse", request_body: digest });
    await settle();
    await storedAt(NOW - DAY + 1000, "of an open stream");
    expect((await run()).contents).toBe(0);
    expect(await contents()).toEqual([digest]);
  });

  it("lets no chain go that is not what was recorded, nor puts it on record, and goes on with the others", async () => {
    for (const session of ["edited", "old"]) event(session, 500);
    await settle();
    const said: ExpiredChains[] = [];
    const { chains } = await expire(store, tenant, RETENTION, NOW, {
      record: async (some) => void said.push(some),
      check: async (found) => found.filter(({ session_id }) => session_id !== "edited"),
    });
    expect([chains, said.flatMap(({ chains }) => chains.map(({ session_id }) => session_id))]).toEqual([1, ["old"]]);
    expect(await sessions()).toEqual(["edited"]);
  });

  it("finds by what was signed which chains are not what was recorded, and lets the others go", async () => {
    const spool = join(folder, "spool");
    const gateway = new Process(spool);
    for (const session of ["whole", "altered", "cut", "whole", "altered", "cut"]) gateway.event(session);
    await gateway.checkpoint();
    for (const session of ["whole", "late"]) gateway.event(session);
    const late = gateway.rows.filter(({ session_id }) => session_id === "late");
    const signedLate = new Process(spool, [], late);
    await signedLate.checkpoint();
    // Each hash after it is computed anew, which is all that one can do without the key.
    let hash = "";
    const edited = gateway.rows.flatMap((row): EventRow[] => {
      if (row.session_id === "cut" && row.seq === 2) return [];
      if (row.session_id !== "altered") return [row];
      const { hash: _, prev_hash, ...rest } = { ...row, ...(row.seq === 1 ? { verb: "list" } : {}) };
      const before = row.seq === 1 ? prev_hash : hash;
      hash = chainHash(before, canonicalJson(rest));
      return [{ ...rest, prev_hash: before, hash }];
    });
    events.push(...[...edited, ...signedLate.rows].map((row) => Buffer.from(JSON.stringify(row))));
    await settle();
    const chains = ["altered", "cut", "late", "whole"].map((session_id) => {
      const rows = edited.filter((row) => row.session_id === session_id);
      const { writer = "", seq = 0, hash: last_hash = "" } = rows.at(-1) ?? {};
      return { session_id, writer, events: rows.length, last_seq: seq, last_hash };
    });
    const check = () => checkedChains(store, "default", keys, chains);
    const { whole, findings } = await check();
    expect(findings.list.map(({ what, session_id }) => [what, session_id])).toEqual([
      ["altered", "altered"],
      ["truncated", "cut"],
    ]);
    expect(whole.map(({ session_id, last_seq, signed_seq }) => [session_id, last_seq, signed_seq])).toEqual([
      ["late", 1, 1],
      ["whole", 3, 2],
    ]);
    const other = generateKeyPairSync("ed25519").publicKey;
    expect((await checkedChains(store, "default", [other], chains)).whole).toEqual([]);
  });

  it("leaves other tenants' rows alone", async () => {
    event("theirs", 500, { tenant: "theirs" });
    event("ours", 500);
    expect((await run()).recorded.map(({ session_id }) => session_id)).toEqual(["ours"]);
    expect(await store.query("SELECT count() AS n FROM events WHERE tenant = 'theirs'")).toEqual([{ n: 1 }]);
  });

  it("shows what is held, by whom and why, and which chains went", async () => {
    held("kept", "session.held");
    const chains = [{ session_id: "old", writer: "w", events: 2, last_seq: 2, last_hash: "h2" }];
    const stayed = { ...chains[0], session_id: "stayed" };
    event("recorder", 1, { kind: "record.expired", payload: JSON.stringify({ chains: [...chains, stayed] }) });
    event("recorder", 1, { kind: "record.expired", payload: JSON.stringify({ chains: [], kept: [stayed] }) });
    expect(await ask("SELECT session_id, held, by, reason FROM legal_holds WHERE tenant = {tenant:String}")).toEqual([
      { session_id: "kept", held: 1, by: "corp:carol", reason: "case 7" },
    ]);
    expect(await ask("SELECT session_id, last_seq FROM expired_chains WHERE tenant = {tenant:String}")).toEqual([
      { session_id: "old", last_seq: 2 },
    ]);
  });
});
