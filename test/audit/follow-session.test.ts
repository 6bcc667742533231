import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ChainCursor, formatCursor, parseCursor } from "../../audit/chain-cursor.ts";
import type { EventDraft, EventRow } from "../../audit/event.ts";
import { followSession } from "../../audit/follow-session.ts";
import { HeadWatch } from "../../audit/head-watch.ts";
import { listSessions } from "../../audit/queries.ts";
import { Assembler } from "../../audit/recorder/assemble.ts";
import { Chains } from "../../audit/recorder/chain.ts";
import { Contents } from "../../audit/recorder/contents.ts";
import { closeFormerSessions } from "../../audit/recorder/former-sessions.ts";
import type { WireDraft } from "../../audit/recorder/messages.ts";
import { sessionEvents } from "../../audit/session-events.ts";
import { decodeFrame } from "../../audit/spool/frame.ts";
import { openStore } from "../../audit/store/open.ts";
import { sha256 } from "../../base/digest.ts";
import * as audit from "./rig.ts";

// What a store and a recorder bring about takes its time where all the other tests want the machine too.
vi.setConfig({ testTimeout: 60_000 });
const { draft, until } = audit;

const tenant = "default";
let store: Awaited<ReturnType<typeof openStore>>;
let path: string;
let watch: HeadWatch;
const errors: unknown[] = [];

beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "sallyport-follow-"));
  store = await openStore({ embedded: path });
  watch = new HeadWatch({ store, tenant, everyMs: 20, onError: (error) => errors.push(error) });
});
afterAll(async () => {
  await store?.close();
  rmSync(path, { recursive: true, force: true });
});

let last = 0;
const newSession = (): string => `s-${++last}`;

/** A gateway's chain of a session; each line is a row as it is stored. */
function gateway(session: string, writer: string) {
  const chains = new Chains({ tenant, writer, newWriter: () => `${writer}x` });
  return (at_ms: number, over: Partial<EventDraft> = {}): string =>
    chains.next({
      draft: draft({ session_id: session, at_ms, ...over }),
      payload: JSON.stringify(over.payload ?? {}),
      requestBody: "",
      responseBody: "",
    }).line;
}

async function insert(...lines: string[]): Promise<void> {
  await store.insert({ lines: lines.map((line) => Buffer.from(line)), token: sha256(lines.join()) });
}

interface Following {
  names(): string[];
  cursor(): ChainCursor;
  looks(): number;
  over: Promise<void>;
  stop(): void;
}

function follow(session: string, after: ChainCursor = new Map(), now = Date.now): Following {
  const controller = new AbortController();
  const names: string[] = [];
  let cursor = after;
  let looks = 0;
  const over = (async () => {
    const options = { store, tenant, session, watch, after, signal: controller.signal, now };
    for await (const one of followSession(options)) {
      if (one === undefined) looks++;
      else {
        names.push(one.event.name === "" ? one.event.kind : one.event.name);
        cursor = parseCursor(formatCursor(one.cursor));
      }
    }
  })();
  return { names: () => names, cursor: () => cursor, looks: () => looks, over, stop: () => controller.abort() };
}

describe("sessionEvents", () => {
  const read = async (...args: Parameters<typeof sessionEvents>): Promise<EventRow[]> => {
    const rows: EventRow[] = [];
    for await (const row of sessionEvents(...args)) rows.push(row);
    return rows;
  };

  test("reads every event of every chain once, in the order of chains or of time, from any cursor", async () => {
    const session = newSession();
    const [one, two] = [gateway(session, "w-1"), gateway(session, "w-2")];
    const big = { payload: { filler: "x".repeat(200_000) } };
    // The second one's clock steps back in the middle: its chain's own order stays.
    const rows = [
      ...Array.from({ length: 150 }, (_, i) => one(1000 * i, i % 10 === 0 ? big : {})),
      ...Array.from({ length: 100 }, (_, i) => two(1000 * (i < 50 ? i : i - 20) + 500)),
    ];
    await insert(...rows);
    const chains = await read(store, tenant, session);
    expect(chains.map(({ writer, seq }) => `${writer}.${seq}`)).toEqual([
      ...Array.from({ length: 150 }, (_, i) => `w-1.${i + 1}`),
      ...Array.from({ length: 100 }, (_, i) => `w-2.${i + 1}`),
    ]);
    const timed = await read(store, tenant, session, { order: "time" });
    expect(timed.slice(0, 4).map(({ writer, seq }) => `${writer}.${seq}`)).toEqual([
      "w-1.1",
      "w-2.1",
      "w-1.2",
      "w-2.2",
    ]);
    for (const writer of ["w-1", "w-2"]) {
      const seqs = timed.filter((row) => row.writer === writer).map(({ seq }) => Number(seq));
      expect(seqs).toEqual(Array.from({ length: writer === "w-1" ? 150 : 100 }, (_, i) => i + 1));
    }
    const after = new Map([
      ["w-1", 149],
      ["w-2", 98],
      ["w-none", 7],
    ]);
    const rest = await read(store, tenant, session, { after, order: "time" });
    expect(rest.map(({ writer, seq }) => `${writer}.${seq}`)).toEqual(["w-2.99", "w-2.100", "w-1.150"]);
  });

  test("reads nothing of another session or tenant", async () => {
    const session = newSession();
    await insert(gateway(session, "w")(1000));
    expect(await read(store, tenant, `${session}' OR 1=1 --`)).toEqual([]);
    expect(await read(store, "other", session)).toEqual([]);
  });
});

describe("followSession", () => {
  test("tells what two gateways record in the order of time, what arrives late as well, and goes on after a break", async () => {
    const session = newSession();
    const began = Date.now() - 60_000;
    const [one, two] = [gateway(session, "w-one"), gateway(session, "w-two")];
    await insert(one(began, { name: "a" }), one(began + 2000, { name: "c" }), two(began + 1000, { name: "b" }));
    const following = follow(session);
    await until(() => following.names().length === 3);
    await insert(two(began + 3000, { name: "d" }));
    await until(() => following.names().length === 4);
    // Of a chain that sorts before the one that the reader is at.
    await insert(one(began + 2500, { name: "late" }));
    await until(() => following.names().length === 5);
    following.stop();
    await following.over;
    await insert(one(began + 4000, { name: "e" }), two(began + 5000, { name: "f" }));
    const again = follow(session, following.cursor());
    await until(() => again.names().length === 2);
    again.stop();
    expect([...following.names(), ...again.names()]).toEqual(["a", "b", "c", "d", "late", "e", "f"]);
  });

  test("waits for an event that is stored after the one that follows it, and loses neither", async () => {
    const session = newSession();
    const line = gateway(session, "w");
    const [first = "", second = "", third = ""] = ["first", "second", "third"].map((name) =>
      line(Date.now(), { name }),
    );
    await insert(first);
    const following = follow(session);
    await until(() => following.names().length === 1);
    await insert(third);
    const looks = following.looks();
    await until(() => following.looks() > looks + 3);
    expect(following.names()).toEqual(["first"]);
    await insert(second);
    await until(() => following.names().length === 3);
    expect(following.names()).toEqual(["first", "second", "third"]);
    following.stop();
  });

  test("does not wait for an event that is gone for good", async () => {
    const session = newSession();
    const line = gateway(session, "w");
    const [first = "", , third = ""] = ["first", "second", "third"].map((name) => line(Date.now() - 60_000, { name }));
    await insert(first, third);
    const following = follow(session);
    await until(() => following.names().length === 2);
    expect(following.names()).toEqual(["first", "third"]);
    following.stop();
  });

  const at = (seconds: number): number => Date.now() - 60_000 + seconds * 1000;
  test.each<[string, (one: Line, two: Line) => string[], boolean]>([
    ["its only gateway closed it", (one) => [one(at(0), OPENED), one(at(1), CLOSED)], true],
    ["it was opened again", (one) => [one(at(0), OPENED), one(at(1), CLOSED), one(at(2), OPENED)], false],
    [
      "one of two gateways closed it",
      (one, two) => [one(at(0), OPENED), two(at(0), OPENED), one(at(1), CLOSED)],
      false,
    ],
    [
      "both of them closed it",
      (one, two) => [one(at(0), OPENED), two(at(0), OPENED), one(at(1), CLOSED), two(at(1), CLOSED)],
      true,
    ],
    ["it was killed a while ago", (one) => [one(at(0), OPENED), one(at(1), { kind: "session.killed" })], true],
    ["it was killed just now", (one) => [one(at(0), OPENED), one(at(59.9), { kind: "session.killed" })], false],
    ["nothing says so", (one) => [one(at(0))], false],
  ])("ends as the session is over: %s", async (_, lines, over) => {
    const session = newSession();
    const rows = lines(gateway(session, "w-one"), gateway(session, "w-two"));
    await insert(...rows);
    const following = follow(session);
    await until(() => following.names().length === rows.length);
    const looks = following.looks();
    if (over) await following.over;
    else await until(() => following.looks() > looks + 3);
    following.stop();
  });

  test("asks the store once for all that follow, and not at all when none does", async () => {
    const sessions = [newSession(), newSession()];
    for (const session of sessions) await insert(gateway(session, "w")(at(0), { name: session }));
    const asked: string[][] = [];
    const counted = Object.assign(Object.create(store), {
      query: (sql: string, params: Record<string, unknown>) => {
        if (sql.includes("max(seq)")) asked.push(params.sessions as string[]);
        return store.query(sql, params);
      },
    }) as typeof store;
    const own = new HeadWatch({ store: counted, tenant, everyMs: 20, onError: (error) => errors.push(error) });
    const ends = sessions.map((session) => own.watch(session, () => {}));
    await until(() => asked.length >= 2);
    expect(asked.at(-1)).toEqual(sessions);
    for (const end of ends) end();
    const stopped = asked.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked.length).toBeLessThanOrEqual(stopped + 1);
    expect(errors).toEqual([]);
  });
});

type Line = ReturnType<typeof gateway>;
const OPENED = { kind: "session.opened" } as const;
const CLOSED = { kind: "session.closed" } as const;

describe("a cursor", () => {
  test.each(["x", "w.0", "w.1,w.2", "w.99999999999999999", "../etc.1", "w.1;", ",", `${"w".repeat(65)}.1`])(
    "that nobody was given is refused: %s",
    (cursor) => {
      expect(() => parseCursor(cursor)).toThrow(expect.objectContaining({ code: "bad-request" }));
    },
  );

  test("of more chains than a header field holds is refused", () => {
    const cursor = new Map(Array.from({ length: 201 }, (_, i) => [`w-${i}`, 1]));
    expect(() => formatCursor(cursor)).toThrow(expect.objectContaining({ code: "bad-request" }));
  });
});

describe("sessions of a gateway that was killed", () => {
  const opened: Partial<EventDraft> = { kind: "session.opened", payload: { owner: { username: "corp:alice" } } };
  const closed: Partial<EventDraft> = { kind: "session.closed", payload: { reason: "idle" } };

  /** Long after: nothing more is left behind. */
  const later = (): number => Date.now() + 60_000;

  /** What a process that comes after `gone` on its spool puts on record, under `writer`. */
  async function startAfter(gone: string[], writer: string): Promise<WireDraft[]> {
    const drafts: WireDraft[] = [];
    await new Promise<void>((resolve) => {
      closeFormerSessions({
        former: { gone, add: () => {}, closed: resolve },
        store,
        tenant,
        settle: async () => {},
        record: (events) => void drafts.push(...events),
        log: (_, message, { reason }) => errors.push(...(reason === undefined ? [] : [message, reason])),
      });
    });
    await insert(
      ...drafts.map(({ session_id, at_ms, ...over }) => gateway(session_id, writer)(at_ms, { ...over, name: "" })),
    );
    return drafts;
  }

  test("are closed on record by the next one on its spool, once, and by no other; who follows them hears the end", async () => {
    const [open, ended, elsewhere, again] = [newSession(), newSession(), newSession(), newSession()];
    const [a, b] = ["killed", "replica"];
    const chains = Object.fromEntries([open, ended, elsewhere, again].map((id) => [id, gateway(id, a)]));
    const past = (session: string, ms: number, over: Partial<EventDraft>): string => chains[session]?.(ms, over) ?? "";
    await insert(
      ...[open, ended, elsewhere, again].map((session) => past(session, 1000, opened)),
      past(ended, 2000, closed),
      gateway(elsewhere, b)(1000, opened),
      gateway(newSession(), b)(1000, opened),
      gateway(again, "next")(9000, opened),
    );
    const one = follow(open, new Map(), later);
    await until(() => one.looks() > 1);
    const drafts = await startAfter([a, "older"], "next");
    expect(drafts.map(({ session_id }) => session_id).sort()).toEqual([open, elsewhere, again].sort());
    expect(drafts[0]).toMatchObject({
      kind: "session.closed",
      username: "corp:alice",
      payload: { reason: "the gateway that had it open ended", writers: [a] },
    });
    await one.over;
    expect(one.names().at(-1)).toBe("session.closed");
    expect(await startAfter([a], "after-next")).toEqual([]);
    const states = new Map((await listSessions(store, tenant)).map(({ session_id, state }) => [session_id, state]));
    expect([open, ended, elsewhere, again].map((id) => states.get(id))).toEqual(["closed", "closed", "open", "open"]);
    expect(errors).toEqual([]);
  });

  test("stay open by a process that goes on under another writer, which closes them for both", async () => {
    const session = newSession();
    await insert(gateway(session, "thread-1")(1000, opened));
    const chains = new Chains({ tenant, writer: "thread-2", earlier: ["thread-1"], newWriter: () => "thread-3" });
    const frames: Buffer[] = [];
    new Assembler(chains, new Contents()).event(draft({ ...closed, session_id: session }), undefined, frames);
    const read = decodeFrame(Buffer.concat(frames), 0);
    const line = read.kind === "frame" ? read.frame.payload.toString() : "";
    expect(JSON.parse(JSON.parse(line).payload)).toEqual({ reason: "idle", writers: ["thread-1", "thread-2"] });
    const one = follow(session, new Map(), later);
    await until(() => one.looks() > 1);
    await insert(line);
    await one.over;
  });
});
