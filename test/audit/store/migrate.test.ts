import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ChdbProcess } from "../../../audit/store/chdb-process.ts";
import { type Execute, migrate, readMigrations } from "../../../audit/store/migrate.ts";
import { openStore } from "../../../audit/store/open.ts";
import { parseRows } from "../../../audit/store/rows.ts";
import { newStore } from "../../new-store.ts";

/** What is run of these migrations where `present` were run before. */
async function run(texts: Record<number, string[]>, present: number[] = []): Promise<string[]> {
  const said: string[] = [];
  const execute: Execute = (sql) => {
    if (sql.startsWith("SELECT version")) return Promise.resolve(present.map((version) => ({ version })));
    if (!sql.includes("schema_version (version UInt32")) said.push(sql);
    return Promise.resolve([]);
  };
  const migrations = Object.entries(texts).map(([version, statements]) => ({
    version: Number(version),
    name: `m${version}`,
    statements,
  }));
  await migrate(execute, { migrations });
  return said;
}

const MARKS = /^INSERT INTO schema_version/;
const view = (name: string, text: string): string => `CREATE OR REPLACE VIEW ${name} AS\n${text}`;

describe("the migrations of a store", () => {
  it("make a view once, by its last text, where nothing names it before that", async () => {
    const texts = { 1: [view("a", "SELECT 1"), view("b", "SELECT 1")], 2: [`-- Why.\n${view("a", "SELECT 2")}`] };
    expect((await run(texts)).slice(0, -1)).toEqual([view("b", "SELECT 1"), view("a", "SELECT 2")]);
    expect((await run(texts, [1])).slice(0, -1)).toEqual([view("a", "SELECT 2")]);
  });

  it.each([
    ["a view that reads it", view("b", "SELECT * FROM a")],
    ["its end", "DROP VIEW IF EXISTS a"],
  ])("make a view by an earlier text as well where %s comes before the last", async (_what, between) => {
    const texts = { 1: [view("a", "SELECT 1")], 2: [between], 3: [view("a", "SELECT 3")] };
    expect((await run(texts)).slice(0, -1)).toEqual([view("a", "SELECT 1"), between, view("a", "SELECT 3")]);
  });

  it("are marked once all were run, and none where one failed", async () => {
    const all = await run({ 1: ["SELECT 1"], 2: ["SELECT 2"] });
    expect(all.map((sql) => MARKS.test(sql))).toEqual([false, false, true]);
    expect(all.at(-1)).toContain("[(1, 'm1'), (2, 'm2')]");
    expect(await run({ 1: ["SELECT 1"] }, [1])).toEqual([]);
    const said: string[] = [];
    const failing: Execute = async (sql) => {
      said.push(sql);
      if (sql === "SELECT 2") throw new Error("no space left");
      return [];
    };
    const migrations = [1, 2].map((version) => ({ version, name: "", statements: [`SELECT ${version}`] }));
    await expect(migrate(failing, { migrations })).rejects.toThrow("no space left");
    expect(said.filter((sql) => MARKS.test(sql))).toEqual([]);
  });

  it("come to the same tables and views one by one, as stores of earlier versions ran them, as all at once", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sallyport-migrate-"));
    const child = new ChdbProcess(join(folder, "store"), "ours");
    try {
      await child.opened();
      const execute: Execute = async (sql) =>
        parseRows((await child.request({ op: "query", sql, params: {} })).toString("utf8"));
      const migrations = readMigrations();
      const schemas: Record<string, unknown>[][] = [];
      for (const steps of [[migrations.length], migrations.map((_, i) => i + 1)]) {
        const database = `steps_${steps.length}`;
        await execute(`CREATE DATABASE ${database}`);
        await execute(`USE ${database}`);
        for (const step of steps) await migrate(execute, { migrations: migrations.slice(0, step) });
        schemas.push(
          await execute(
            `SELECT name, replaceAll(create_table_query, '${database}.', '') AS made FROM system.tables WHERE database = '${database}' ORDER BY name`,
          ),
          await execute("SELECT version, name FROM schema_version ORDER BY version"),
        );
      }
      expect(schemas[0]?.length).toBeGreaterThan(10);
      expect(schemas[2]).toEqual(schemas[0]);
      expect(schemas[3]).toEqual(schemas[1]);
    } finally {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("are the same in the store that tests copy, which takes rows and is opened again as any other", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sallyport-migrate-"));
    const [copied, fresh] = [join(folder, "copied"), join(folder, "fresh")];
    const line = Buffer.from('{"tenant":"ours","session_id":"s","writer":"w","seq":1,"at":"2026-11-22 10:00:00.1"}');
    const schema = async (path: string): Promise<unknown[]> => {
      const store = await openStore({ embedded: path }, "ours");
      try {
        await store.insert({ lines: [line], token: path });
        return [
          await store.query(
            "SELECT name, create_table_query FROM system.tables WHERE database = 'sallyport' ORDER BY 1",
          ),
          await store.query("SELECT version, name FROM schema_version ORDER BY version"),
          await store.query("SELECT session_id, seq FROM events"),
        ];
      } finally {
        await store.close();
      }
    };
    try {
      await newStore(copied);
      expect(existsSync(join(copied, "metadata"))).toBe(true);
      const found = await schema(copied);
      expect(found).toEqual(await schema(fresh));
      expect(found[2]).toEqual([{ session_id: "s", seq: 1 }]);
      await newStore(copied);
      const again = await openStore({ embedded: copied }, "ours");
      expect(await again.query("SELECT count() AS n FROM events")).toEqual([{ n: 1 }]);
      await again.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
