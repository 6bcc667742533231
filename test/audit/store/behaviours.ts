import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBody } from "../../../audit/bodies.ts";
import type { Store } from "../../../audit/store/store.ts";
import { StoreError } from "../../../audit/store/store-error.ts";

export interface Home {
  open(): Promise<Store>;
  /** Marks the schema as version 9999, by another way than the store's. */
  newer(): Promise<void>;
  /** Leaves nothing behind. */
  remove(): Promise<void>;
}

const HOSTILE = [
  "it's",
  "back\\slash",
  "tab\there",
  "line\nend",
  "zero\0",
  "`tick`",
  '"',
  "{x:String}",
  "'; DROP TABLE events --",
  "🛡",
];

function row(seq: number, over: object = {}): Buffer {
  const base = {
    tenant: "ours",
    session_id: "s-1",
    writer: "w-1",
    seq,
    at: "2026-11-22 10:00:00.123456",
    kind: "read",
    payload: "{}",
  };
  return Buffer.from(JSON.stringify({ ...base, ...over }));
}

const sha = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

/** What a store does, wherever it is: the same tests for each home. */
export function storeBehaviours(home: () => Promise<Home>): void {
  let at: Home;
  let store: Store;
  beforeAll(async () => {
    at = await home();
    store = await at.open();
  });
  afterAll(async () => {
    await store?.close();
    await at?.remove();
  });

  const one = async (sql: string, params: Record<string, unknown> = {}): Promise<unknown> =>
    (await store.query(sql, params))[0];

  describe("rows", () => {
    // chDB reads what it finds on its process's standard input as more rows of an insert, as clickhouse-client does: it
    // must not be where our requests come from.
    it("sent beside questions are there once and whole, and each question has its answer", async () => {
      const numbers = Array.from({ length: 80 }, (_, number) => number);
      const content = (number: number): Buffer => Buffer.from(`beside ${number}`);
      const inOrder = async <Answer>(each: (number: number) => Promise<Answer>): Promise<Answer[]> => {
        const answers: Answer[] = [];
        for (const number of numbers) answers.push(await each(number));
        return answers;
      };
      const ask = () => inOrder((number) => store.query("SELECT {number:UInt32} AS number", { number }));
      const [, ...asked] = await Promise.all([
        inOrder((number) =>
          store.insertBodies([{ tenant: "beside", sha256: sha(content(number)), content: content(number) }]),
        ),
        ask(),
        ask(),
        ask(),
      ]);
      for (const answers of asked) expect(answers).toEqual(numbers.map((number) => [{ number }]));
      const kept = await store.query<{ content: string }>("SELECT content FROM bodies WHERE tenant = 'beside'");
      expect(new Set(kept.map((body) => body.content))).toEqual(new Set(numbers.map((n) => content(n).toString())));
    });

    it("are kept as they were handed over, whatever their text", async () => {
      await store.insert({
        lines: HOSTILE.map((name, i) => row(i + 1, { session_id: "hostile", name })),
        token: "rows",
      });
      const names = await store.query<{ name: string }>(
        "SELECT name FROM events WHERE session_id = 'hostile' ORDER BY seq",
      );
      expect(names.map(({ name }) => name)).toEqual(HOSTILE);
    });

    it("keep their time to the microsecond, in UTC", async () => {
      await store.insert({ lines: [row(1, { session_id: "time" })], token: "time" });
      expect(await one("SELECT toString(at) AS at FROM events WHERE session_id = 'time'")).toEqual({
        at: "2026-11-22 10:00:00.123456",
      });
    });

    it("of one token are there once, however often they are sent", async () => {
      const batch = { lines: [row(1, { session_id: "twice" }), row(2, { session_id: "twice" })], token: "twice" };
      await store.insert(batch);
      await store.insert(batch);
      expect(await one("SELECT count() AS n FROM events WHERE session_id = 'twice'")).toEqual({ n: 2 });
    });

    it("of another token are kept beside equal ones", async () => {
      for (const token of ["a", "b"]) await store.insert({ lines: [row(1, { session_id: "tokens" })], token });
      expect(await one("SELECT count() AS n FROM events WHERE session_id = 'tokens'")).toEqual({ n: 2 });
    });

    it("are refused together where one of them is no row", async () => {
      const lines = [row(1, { session_id: "torn" }), Buffer.from('{"tenant":'), row(3, { session_id: "torn" })];
      await expect(store.insert({ lines, token: "torn" })).rejects.toBeInstanceOf(StoreError);
      expect(await one("SELECT count() AS n FROM events WHERE session_id = 'torn'")).toEqual({ n: 0 });
    });
  });

  it("keeps contents of any bytes, and those that were parted", async () => {
    const whole = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
    const parts = [whole.subarray(0, 300), whole.subarray(300)];
    const parted = Buffer.concat([whole, Buffer.from("x")]);
    const last = Buffer.concat([whole.subarray(300), Buffer.from("x")]);
    await store.insertBodies([
      { tenant: "ours", sha256: sha(whole), content: whole },
      ...[...parts, last].map((content) => ({ tenant: "ours", sha256: sha(content), content })),
      {
        tenant: "ours",
        sha256: sha(parted),
        content: Buffer.alloc(0),
        size: parted.length,
        chunks: [sha(whole.subarray(0, 300)), sha(last)],
      },
    ]);
    for (const content of [whole, parted]) {
      const read: Buffer[] = [];
      for await (const part of readBody(store, "ours", sha(content))) read.push(part);
      expect(Buffer.concat(read).equals(content)).toBe(true);
    }
  });

  describe("reading", () => {
    it("takes values as values, alone and in lists, long ones too", async () => {
      const long = "x".repeat(10_000);
      const values = [...HOSTILE, long].map((value) => value.replace("\0", ""));
      expect(
        await one("SELECT {list:Array(String)} AS list, {text:String} AS text", {
          list: values,
          text: "it's \\ \t \n",
        }),
      ).toEqual({
        list: values,
        text: "it's \\ \t \n",
      });
    });

    it("writes nothing", async () => {
      await expect(store.query("INSERT INTO events (tenant) SELECT 'x'")).rejects.toThrow();
      await expect(
        store.query("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'l String')"),
      ).rejects.toThrow();
    });

    it("refuses an answer above its limit, rather than cutting it", async () => {
      await expect(store.query("SELECT * FROM numbers(11)", {}, { maxRows: 10 })).rejects.toMatchObject({ code: 396 });
    });

    it("says what ClickHouse says, with its code", async () => {
      const refused = store.query("SELECT nobody FROM events");
      await expect(refused).rejects.toMatchObject({ name: "StoreError", code: 47 });
      await expect(refused).rejects.toThrow("nobody");
    });

    it("answers the views", async () => {
      await store.insert({
        lines: [row(1, { session_id: "viewed", kind: "session.opened", username: "alice" })],
        token: "viewed",
      });
      expect(await one("SELECT username, state FROM sessions WHERE session_id = 'viewed'")).toEqual({
        username: "alice",
        state: "open",
      });
    });
  });

  describe("people's SQL", () => {
    const ask = async (sql: string, params: Record<string, string> = {}): Promise<string> =>
      Buffer.from((await store.ask({ sql, params, tenant: "ours", format: "TabSeparated" })).bytes).toString("utf8");

    it("sees one tenant's rows", async () => {
      await store.insert({ lines: [row(1, { tenant: "theirs" }), row(1, { session_id: "mine" })], token: "tenants" });
      expect(await ask("SELECT count() FROM events WHERE tenant = 'theirs'")).toBe("0\n");
      expect(await ask("SELECT count() FROM sessions WHERE tenant = 'theirs'")).toBe("0\n");
      expect(await ask("SELECT count() FROM events WHERE session_id = {id:String}", { id: "mine" })).toBe("1\n");
    });

    it.each([
      "SELECT count() > 0 FROM events WHERE throwIf(username = 'hidden') = 0",
      "SELECT count() > 0 FROM view(SELECT * FROM events) WHERE intDiv(1, username != 'hidden') = 1",
      "SELECT count() > 0 FROM events AS a JOIN events AS b ON throwIf(a.username = 'hidden') = throwIf(b.username = 'hidden')",
    ])("is not tried on rows of another tenant, of which its errors would tell: %s", async (sql) => {
      const hidden = row(1, { tenant: "theirs", username: "hidden" });
      await store.insert({ lines: [hidden, row(1, { session_id: "seen" })], token: "hidden" });
      expect(await ask(sql)).toBe("1\n");
    });

    it.each([
      "SELECT * FROM (SELECT * FROM events SETTINGS additional_table_filters = {})",
      "SELECT * FROM (SELECT * FROM events SETTINGS SQL_a.b = 1, additional_table_filters = {})",
      "SELECT * FROM merge('sallyport', 'events')",
      "SELECT file('/etc/hostname')",
      "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
      "ALTER TABLE events DELETE WHERE 1",
      "SELECT 1; SELECT 2",
    ])("is refused: %s", async (sql) => {
      await expect(ask(sql)).rejects.toBeInstanceOf(StoreError);
    });

    it("comes in the format that it asks for", async () => {
      expect((await store.ask({ sql: "SELECT 1 AS n FORMAT Parquet", tenant: "ours" })).format).toBe("Parquet");
      expect(await ask("SELECT 1 AS n FORMAT JSONEachRow")).toBe('{"n":1}\n');
    });
  });

  it("opens a store again as it was, and refuses one whose schema is newer than the code", async () => {
    const rows = await one("SELECT count() AS n FROM events");
    await store.close();
    store = await at.open();
    expect(await one("SELECT count() AS n FROM events")).toEqual(rows);
    await store.close();
    await at.newer();
    await expect(at.open()).rejects.toThrow("the store's schema is version 9999");
  });
}
