import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BatchFiles } from "../../../audit/store/batch-files.ts";
import { openChdbStore } from "../../../audit/store/chdb.ts";
import { rowLines } from "../../../audit/store/rows.ts";
import type { Store } from "../../../audit/store/store.ts";
import { StoreError } from "../../../audit/store/store-error.ts";

const HOSTILE = ["it's", "back\\slash", "tab\there", "line\nend", "zero\0", "{file:String}", '"', "🛡", "\u2028"];
/** Enough for a file, and for more parts than one writev takes (IOV_MAX, 1024). */
const ROWS = 600;

function rows(session_id: string): Buffer[] {
  return Array.from({ length: ROWS }, (_, i) =>
    Buffer.from(
      JSON.stringify({
        ...{ tenant: "ours", session_id, writer: "w-1", seq: i + 1, at: "2026-11-22 10:00:00.123456", kind: "read" },
        ...{ name: `${HOSTILE[i % HOSTILE.length]} ${i}`, groups: HOSTILE, break_glass: i % 2 === 0 },
        payload: JSON.stringify({ decisionId: `d-${i}`, filling: "x".repeat(1000) }),
      }),
    ),
  );
}

describe("a large batch of an embedded store", () => {
  const path = mkdtempSync(join(tmpdir(), "sallyport-large-"));
  const batches = join(path, "batches");
  let store: Store;
  beforeAll(async () => {
    mkdirSync(batches);
    writeFileSync(join(batches, "7.json"), "of a process that was killed");
    store = await openChdbStore(path);
  });
  afterAll(async () => {
    await store?.close();
    rmSync(path, { recursive: true, force: true });
  });
  const kept = async (session_id: string): Promise<number> => {
    const sql = "SELECT count() AS n FROM events WHERE session_id = {session_id:String}";
    const [row] = await store.query<{ n: string }>(sql, { session_id });
    return Number(row?.n);
  };

  it("is a file with a line for each row until it is inserted", async () => {
    const folder = join(path, "by-itself");
    const lines = rows("file");
    const file = await new BatchFiles(folder).write(lines);
    expect(readFileSync(String(file)).equals(rowLines(lines))).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it("leaves no file behind, and neither does one of a process that was killed", async () => {
    expect(existsSync(batches)).toBe(false);
    await store.insert({ lines: rows("files"), token: "files" });
    expect(readdirSync(batches)).toEqual([]);
  });

  it("is kept as it was handed over, whatever its text", async () => {
    const lines = rows("hostile");
    await store.insert({ lines, token: "hostile" });
    const columns = Object.keys(JSON.parse(String(lines[0])));
    const stored = await store.query<{ seq: number }>(
      `SELECT ${columns.join(", ")} FROM events WHERE session_id = 'hostile' ORDER BY seq`,
    );
    expect(stored.map((row) => ({ ...row, seq: Number(row.seq) }))).toEqual(lines.map((l) => JSON.parse(String(l))));
  });

  it("is there once under one token, in one part", async () => {
    const batch = { lines: rows("twice"), token: "it's twice" };
    await store.insert(batch);
    await store.insert(batch);
    expect(await kept("twice")).toBe(ROWS);
    const parts = await store.query("SELECT DISTINCT _block_number AS block FROM events WHERE session_id = 'twice'");
    expect(parts).toHaveLength(1);
  });

  it("is refused whole where one of its rows is none, and its file is gone", async () => {
    const lines = rows("torn").with(ROWS - 1, Buffer.from('{"tenant":'));
    await expect(store.insert({ lines, token: "torn" })).rejects.toBeInstanceOf(StoreError);
    expect(await kept("torn")).toBe(0);
    expect(readdirSync(batches)).toEqual([]);
  });

  it("is inserted all the same where no file can be written", async () => {
    rmSync(batches, { recursive: true });
    writeFileSync(batches, "");
    await store.insert({ lines: rows("no room"), token: "no room" });
    expect(await kept("no room")).toBe(ROWS);
  });
});
