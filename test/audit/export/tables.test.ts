import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "csv-parse/sync";
import { parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../../audit/event.ts";
import { eventPages } from "../../../audit/event-pages.ts";
import { EVENT_COLUMNS, rowProblem } from "../../../audit/export/event-row.ts";
import type { StoreReader } from "../../../audit/store/store.ts";
import { verifyChain } from "../../../audit/verify-chain.ts";
import { draft } from "../rig.ts";
import { bytesOf, DRAFTS, HOSTILE, job, linesIn, recordedStore, SESSION } from "./recorded.ts";

const COLUMNS = Object.keys(EVENT_COLUMNS) as (keyof EventRow)[];
const day = (n: number): number => Date.UTC(2026, 10, n);

let path: string;
let store: StoreReader & { close(): Promise<void> };
beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "sallyport-export-"));
  store = await recordedStore(path, [
    ...DRAFTS,
    // A clock that was stepped back: the second event of three is of the day before the period.
    ...[24, 23, 24].map((n) => draft({ session_id: "s-back", at_ms: day(n) + 1 })),
    draft({
      session_id: "s-cells",
      name: "\n=HYPERLINK(1)",
      path: "a\n=HYPERLINK(2)",
      user_agent: " \u00a0=HYPERLINK(3)",
    }),
    ...Array.from({ length: 5 }, () => draft({ session_id: "s-large", payload: { text: "x".repeat(3_000_000) } })),
  ]);
});
afterAll(async () => {
  await store.close();
  rmSync(path, { recursive: true, force: true });
});

async function rows(): Promise<EventRow[]> {
  return (await linesIn("ndjson", job(store))).map((line) => JSON.parse(line) as EventRow);
}

describe("an NDJSON export", () => {
  test("holds a session's rows as they were recorded, so that their chain verifies", async () => {
    const found = await rows();
    expect(found).toHaveLength(DRAFTS.length - 1);
    expect(found.map(rowProblem)).toEqual(found.map(() => undefined));
    expect(verifyChain(found)).toEqual({ ok: true, chains: 1, events: found.length });
  });

  test("of a period has no holes where a clock was stepped back", async () => {
    const scope = { since: day(24), until: day(25) };
    const found = (await linesIn("ndjson", job(store, { scope }))).map((line) => JSON.parse(line) as EventRow);
    expect(found.map(({ seq, at }) => [seq, at.slice(0, 10)])).toEqual([
      [1, "2026-11-24"],
      [2, "2026-11-23"],
      [3, "2026-11-24"],
    ]);
  });

  test("is read in pages of bounded size, whatever the events weigh", async () => {
    const pages = [];
    for await (const page of eventPages(store, "default", { session: "s-large" }))
      pages.push(page.map(({ seq }) => seq));
    expect(pages).toEqual([[1, 2], [3, 4], [5]]);
  });

  test("holds nothing of another tenant", async () => {
    expect(await linesIn("ndjson", job(store, { tenant: "other" }))).toEqual([]);
  });
});

describe("a CSV export", () => {
  test("is read by a CSV reader as the rows that were recorded", async () => {
    const text = (await bytesOf("csv", job(store))).toString("utf8");
    const [header, ...found] = parse(text, { record_delimiter: "\r\n" }) as string[][];
    expect(header).toEqual(COLUMNS);
    const expected = (await rows()).map((row) =>
      COLUMNS.map((name) => {
        const value = Array.isArray(row[name]) ? JSON.stringify(row[name]) : String(row[name]);
        return value.startsWith("=") ? `'${value}` : value;
      }),
    );
    expect(found).toEqual(expected);
  });

  test("gives a spreadsheet no formula", async () => {
    const text = (await bytesOf("csv", job(store))).toString("utf8");
    const cells = (parse(text, { record_delimiter: "\r\n" }) as string[][]).flat();
    expect(cells.some((cell) => cell.includes("HYPERLINK"))).toBe(true);
    expect(cells.filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
  });

  test("keeps a line feed in a name within its cell, and knows a formula behind white space", async () => {
    const text = (await bytesOf("csv", job(store, { scope: { session: "s-cells" } }))).toString("utf8");
    const [header = [], ...found] = parse(text, { record_delimiter: ["\r\n", "\n"] }) as string[][];
    expect(found.map((row) => ["name", "path", "user_agent"].map((name) => row[header.indexOf(name)]))).toEqual([
      ["'\n=HYPERLINK(1)", "a\n=HYPERLINK(2)", "' \u00a0=HYPERLINK(3)"],
    ]);
  });
});

describe("a Parquet export", () => {
  test("is read by ClickHouse as the rows and types of the store", async () => {
    const file = join(path, "export.parquet");
    writeFileSync(file, await bytesOf("parquet", job(store)));
    const sql = `SELECT * FROM file('${file}', Parquet) FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers=0`;
    const script = `const {query}=require("chdb");process.stdout.write(query(${JSON.stringify(sql)}))`;
    // chDB is one for a process, and this one's has the store open.
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { maxBuffer: 1e8 });
    const found = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as EventRow);
    expect(found).toEqual(await rows());
  });

  test("is read by a reader in JavaScript, with times as times and lists as lists", async () => {
    const bytes = await bytesOf("parquet", job(store));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const found = await parquetReadObjects({ file });
    const created = found.find(({ kind, status }) => kind === "request.outcome" && status === 201n);
    expect(created).toMatchObject({
      session_id: SESSION,
      rules: ["workload/host-path"],
      name: HOSTILE,
      break_glass: true,
    });
    expect(created?.at).toBeInstanceOf(Date);
  });

  test("of nothing is a file of no rows", async () => {
    const bytes = await bytesOf("parquet", job(store, { tenant: "other" }));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    expect(await parquetReadObjects({ file })).toEqual([]);
  });
});
