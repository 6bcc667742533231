import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adHocSql } from "../../audit/questions/ad-hoc-sql.ts";
import type { Answered } from "../../audit/questions/question.ts";
import { openStore } from "../../audit/store/open.ts";
import type { Store } from "../../audit/store/store.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-sql-"));
const file = join(folder, "seen.csv");
/** Stands in each row of the other tenant and in the file, and must come out of nothing. */
const HIDDEN = "hunter2-and-more";
let store: Store;

beforeAll(async () => {
  writeFileSync(file, `${HIDDEN},1\n`);
  store = await openStore({ embedded: join(folder, "store") }, "ours");
  const row = (tenant: string, username: string, seq: number): Buffer =>
    Buffer.from(
      JSON.stringify({
        ...{ tenant, username, session_id: `of-${username}`, writer: "w", seq, at: "2026-11-22 10:00:00.500000" },
        ...{ kind: "request.outcome", exchange_id: `exchange-${tenant}-${seq}`, verb: "get", resource: "secrets" },
        ...{ status: 200, approval_id: `approval-${username}`, masked_fields: [username], name: username },
        payload: JSON.stringify({ decisionId: username, findings: [{ rule: username }], masked: { [username]: "f" } }),
      }),
    );
  await store.insert({ lines: [row("ours", "me", 1), row("ours", "me", 2), row("theirs", HIDDEN, 1)], token: "t" });
  await store.insertBodies([{ tenant: "theirs", sha256: "00", content: Buffer.from(HIDDEN) }]);
});
afterAll(async () => {
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (sql: string, more: object = {}): Promise<Answered> => adHocSql.ask(store, "ours", { sql, ...more });

describe("SQL of an auditor's own", () => {
  it("answers with rows as JSON, of one's own tenant", async () => {
    expect(await ask("SELECT username, count() AS n FROM events GROUP BY username")).toEqual({
      items: [{ username: "me", n: 2 }],
      more: false,
    });
  });

  it("shows as many rows as were asked for, and says that there are more", async () => {
    expect(await ask("SELECT number FROM numbers(5)", { limit: 2 })).toEqual({
      items: [{ number: 0 }, { number: 1 }],
      more: true,
    });
    expect(await ask("SELECT number FROM numbers(2)", { limit: 2 })).toMatchObject({ more: false });
  });

  it.each([
    ...["events", "bodies", "sessions", "approvals", "exchanges", "privileged_operations", "masked_fields"],
    ...["policy_findings", "equal_values", "view(SELECT * FROM events)", "sallyport.events", "(SELECT * FROM events)"],
    "operations_within(since = '1970-01-01 00:00:00', until = '2200-01-01 00:00:00', every = 1, session = '')",
  ])("reads of %s nothing of another tenant", async (table) => {
    const { items } = await ask(`SELECT * FROM ${table}`);
    expect(JSON.stringify(items)).not.toContain(HIDDEN);
  });

  it.each([
    ["a condition", `SELECT count() AS n FROM events WHERE username = '${HIDDEN}'`],
    ["a set", `SELECT '${HIDDEN}' IN (SELECT username FROM events) AS n`],
    ["a scalar subquery", `SELECT (SELECT count() FROM events WHERE tenant = 'theirs') AS n`],
    ["a join", "SELECT count() AS n FROM events AS a JOIN events AS b ON a.tenant != b.tenant"],
    ["a WITH", "WITH e AS (SELECT * FROM events) SELECT countIf(tenant = 'theirs') AS n FROM e"],
    ["an aggregate that statistics could answer", "SELECT toUInt8(max(tenant) = 'theirs') AS n FROM events"],
    ["a division that fails for it alone", `SELECT countIf(intDiv(1, username != '${HIDDEN}') != 1) AS n FROM events`],
    ["a union", "SELECT sum(n) AS n FROM (SELECT 0 AS n UNION ALL SELECT 1 FROM events WHERE tenant = 'theirs')"],
    ["a view", `SELECT count() AS n FROM sessions WHERE username = '${HIDDEN}'`],
  ])("does not tell by %s that another tenant is there", async (_, sql) => {
    expect((await ask(sql)).items).toEqual([{ n: 0 }]);
  });

  it("reads no file, by whatever function or table function there is", async () => {
    const names = await store.query<{ name: string }>(
      "SELECT name FROM system.table_functions WHERE name NOT IN ('numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'primes', 'generate_series', 'generateSeries', 'values', 'null', 'view', 'SQLStandardValues')",
    );
    expect(names.length).toBeGreaterThan(60);
    for (const { name } of names) {
      for (const args of [`'${file}', 'CSV', 'a String, b Int8'`, "'sallyport', 'events'"]) {
        const answer = await ask(`SELECT * FROM ${name}(${args})`).catch((error: Error) => error.message);
        expect(answer, `${name}(${args})`).toEqual(expect.any(String));
        expect(answer).not.toContain(HIDDEN);
      }
    }
  });

  it.each([
    [
      "settings in a subquery",
      "SELECT * FROM (SELECT * FROM events SETTINGS additional_table_filters = {}, readonly = 0)",
    ],
    ["what a server would try on rows of others", "SELECT 1 FROM events PREWHERE throwIf(tenant = 'theirs') = 0"],
    ["settings at the end", "SELECT 1 SETTINGS max_execution_time = 0"],
    ["a format", "SELECT 1 AS a FORMAT CSV"],
    ["a file to write", "SELECT 1 INTO OUTFILE '/tmp/x' FORMAT CSV"],
    ["two statements", "SELECT 1; SELECT 2"],
    ["two statements, one hidden", "SELECT 1 --\n; DROP TABLE events"],
    ["an open comment", "SELECT 1 /*"],
    ["a heredoc with a statement behind it", "SELECT $x$ $x$; DROP TABLE events"],
    ["a table in another way", "ATTACH TABLE x FROM '/etc'"],
    [
      "a dictionary over a file",
      "CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT())",
    ],
    [
      "a view that the writer would read",
      "CREATE VIEW v SQL SECURITY DEFINER DEFINER = default AS SELECT * FROM events",
    ],
    ["the writer's role", "SET ROLE writer"],
    ["an explanation in a subquery", "SELECT * FROM (EXPLAIN SELECT * FROM events)"],
    ["an explanation that would read a file", `EXPLAIN QUERY TREE SELECT (SELECT count() FROM file('${file}'))`],
    ["a file applied", `SELECT * APPLY(file) FROM (SELECT '${file}' AS a)`],
    ["a file in a lambda", `SELECT arrayMap(x -> file(x), ['${file}'])`],
    ["who may do what", "SELECT * FROM system.row_policies"],
    ["what others ask", "SELECT query FROM system.processes"],
    ["what others asked", "SELECT query FROM system.query_log"],
    ["the server's settings", "SELECT * FROM system.server_settings"],
    ["a value that is not given", "SELECT * FROM {t:Identifier}"],
    ["no SQL at all", "please show me the events"],
  ])("refuses %s, and says why in words", async (_, sql) => {
    const refused = await ask(sql).then(
      () => "answered",
      (error: Error) => error.message,
    );
    expect(refused).not.toBe("answered");
    expect(refused).not.toContain(HIDDEN);
    expect(refused).toMatch(/^.{10,600}$/);
    expect((await ask("SELECT count() AS n FROM events")).items).toEqual([{ n: 2 }]);
  });

  it.each([
    [
      "a column that there is not",
      "SELECT usrname FROM events",
      "Unknown expression identifier `usrname` (ClickHouse 47)",
    ],
    [
      "a table that there is not",
      "SELECT 1 FROM secret_table",
      "Unknown table expression identifier 'secret_table' (ClickHouse 60)",
    ],
    [
      "a value that cannot be read",
      "SELECT toInt64(username) FROM events",
      "a value cannot be read, or worked with, as the query asks (ClickHouse 6)",
    ],
    [
      "too large an answer",
      "SELECT * FROM numbers(10001)",
      "its answer is too large: give it a LIMIT, or name the columns (ClickHouse 396)",
    ],
  ])("names %s in a line, with no other names and no values", async (_, sql, message) => {
    await expect(ask(sql)).rejects.toThrow(message);
  });

  it("refuses an answer of few rows that is large all the same", async () => {
    const sql = "SELECT repeat('x', 1000000) AS a FROM numbers(9)";
    await expect(ask(sql)).rejects.toThrow("its answer is too large: give it a LIMIT");
    expect((await ask("SELECT repeat('x', 1000000) AS a FROM numbers(2)")).items).toHaveLength(2);
  });

  it("takes no other parameters than SQL and how many rows", async () => {
    await expect(ask("SELECT 1", { tenant: "theirs" })).rejects.toThrow(/tenant: unknown parameter/);
    await expect(ask("", {})).rejects.toThrow(/sql: /);
    await expect(ask("SELECT 1", { limit: 1_000_000 })).rejects.toThrow(/limit: /);
  });
});
