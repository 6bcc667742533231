import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { forCluster } from "../../../audit/store/cluster.ts";
import { readMigrations } from "../../../audit/store/migrate.ts";
import { quoted } from "../../../audit/store/readers-sql.ts";

const statements = readMigrations().flatMap((migration) =>
  migration.statements.flatMap((statement) => forCluster(statement, "ours")),
);

function run(list: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-cluster-"));
  try {
    const entry = fileURLToPath(new URL("./statements-process.ts", import.meta.url));
    const input = JSON.stringify(list);
    return JSON.parse(
      execFileSync(process.execPath, [entry, folder], { input, encoding: "utf8", timeout: 55_000 }),
    ) as string[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it("makes every table, column and view on all nodes, as ClickHouse's own parser reads it", () => {
  const written = run(statements.map((statement) => `SELECT formatQuery(${quoted(statement)})`));
  for (const [i, text] of written.entries())
    expect(text, statements[i]).toMatch(/^(?:CREATE|ALTER)[^\n]* ON CLUSTER ours/);
});

it("replicates the tables that hold rows, under a path of their shard", () => {
  const engines = statements.flatMap(
    (statement) =>
      /CREATE TABLE IF NOT EXISTS (\w+_local)[\s\S]*ENGINE = (\w+)\('([^']*)', '([^']*)'\)/.exec(statement)?.slice(1) ??
      [],
  );
  const path = "/clickhouse/tables/{shard}/{database}/{table}";
  expect(engines).toEqual([
    "events_local",
    "ReplicatedMergeTree",
    path,
    "{replica}",
    "bodies_local",
    "ReplicatedReplacingMergeTree",
    path,
    "{replica}",
  ]);
});

it("keeps all of a session on one shard, and all of a content", () => {
  const distributed = statements.filter((statement) => statement.includes("Distributed("));
  expect(
    distributed.map((statement) =>
      /Distributed\('ours', currentDatabase\(\), (\w+), (.+)\)$/.exec(statement)?.slice(1),
    ),
  ).toEqual([
    ["events_local", "cityHash64(tenant, session_id)"],
    ["bodies_local", "cityHash64(tenant, sha256)"],
  ]);
});

it("refuses a statement that it knows no form of, so that a cluster lacks nothing unseen", () => {
  expect(() => forCluster("CREATE DICTIONARY d (a Int8)", "ours")).toThrow("a cluster cannot run this statement");
});

it("has no migration numbered below one that stores have run, which they would run out of its order", () => {
  // 8 and 10 were never written, and 9 became part of 11. A new migration goes to the end, and is added here by the release that has it.
  const released = [1, 2, 3, 4, 5, 6, 7, 11];
  const versions = readMigrations().map(({ version }) => version);
  expect(versions.slice(0, released.length)).toEqual(released);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
});
