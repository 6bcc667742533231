import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventDraft } from "../../../audit/event.ts";
import { TENANT_TABLES } from "../../../audit/store/access.ts";
import { serveClickHouse } from "../../../audit/store/http-interface.ts";
import { openStore } from "../../../audit/store/open.ts";
import { serveReaders } from "../../../audit/store/readers-http.ts";
import type { Question, Store } from "../../../audit/store/store.ts";
import { Refusal } from "../../../base/errors.ts";
import { silentLog } from "../../../base/log.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-audit-"));
let store: Store;

beforeAll(async () => {
  store = await openStore({ embedded: join(folder, "store") }, "ours");
  const row = (tenant: string, seq: number): Buffer =>
    Buffer.from(JSON.stringify({ tenant, session_id: `of-${tenant}`, writer: "w", seq, at: "2026-11-22 10:00:00.5" }));
  await store.insert({ lines: [row("ours", 1), row("ours", 2), row("theirs", 1)], token: "t" });
  await store.insertBodies([{ tenant: "theirs", sha256: "00", content: Buffer.from("hidden") }]);
});
afterAll(async () => {
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(sql: string, question: Partial<Question> = {}): Promise<string> {
  const { bytes } = await store.ask({ sql, tenant: "ours", format: "TabSeparated", ...question });
  return Buffer.from(bytes).toString("utf8");
}

describe("people's SQL on the record", () => {
  it.each([
    ["a table", "SELECT count(), any(session_id) FROM events", {}, "2\tof-ours\n"],
    ["a view", "SELECT session_id FROM sessions", {}, "of-ours\n"],
    ["a subquery with a WITH", "WITH e AS (SELECT * FROM events) SELECT uniq(tenant) FROM e", {}, "1\n"],
    ["a text as a value", "SELECT {v:String}", { v: "it's \\\\ \\t `x`" }, "it\\'s \\\\ \\t `x`\n"],
    ["a list as a value", "SELECT {v:Array(String)}", { v: "['a\\'b','c']" }, "['a\\'b','c']\n"],
    ["a number as a value", "SELECT count() FROM events WHERE seq = {v:UInt64}", { v: "2" }, "1\n"],
    ["no value", "SELECT {v:Nullable(String)}", { v: "\\N" }, "\\N\n"],
    ["the name of a table as a value", "SELECT count() FROM {v:Identifier}", { v: "events" }, "2\n"],
    ["a format of its own", "SELECT 1 AS n FORMAT JSONEachRow", {}, '{"n":1}\n'],
    ["text that looks like settings", "SELECT 'SETTINGS a = 1; {v:String}'", {}, "SETTINGS a = 1; {v:String}\n"],
    ["what tables there are", "EXISTS TABLE events", {}, "1\n"],
    ["which columns a table has", "SELECT count() > 30 FROM system.columns WHERE table = 'events'", {}, "1\n"],
    ["how many tables there are", "SELECT count(*) > 1 FROM system.tables", {}, "1\n"],
  ])("answers %s", async (_, sql, params, answer) => {
    expect(await ask(sql, { params })).toBe(answer);
  });

  it.each([
    ["an insert", "INSERT INTO events (tenant) VALUES ('ours')"],
    ["a deletion", "DELETE FROM events WHERE 1"],
    ["a mutation", "ALTER TABLE events DELETE WHERE 1"],
    ["a drop", "DROP TABLE events"],
    ["a temporary table", "CREATE TEMPORARY TABLE t (a Int8)"],
    ["the writer's role", "SET ROLE writer"],
    ["another user", "EXECUTE AS default SELECT 1"],
    ["a setting", "SET readonly = 0"],
    ["another database", "USE system"],
    ["the end of a query", "KILL QUERY WHERE 1"],
    ["a system command", "SYSTEM FLUSH LOGS"],
    ["a second statement", "SELECT 1; SET ROLE writer"],
    ["a second statement after a comment", "SELECT 1 -- ;\n; DROP TABLE events"],
    ["settings", "SELECT 1 SETTINGS readonly = 0"],
    ["settings in a subquery", "SELECT * FROM (SELECT * FROM events SETTINGS additional_table_filters = {})"],
    ["settings behind a comment", "SELECT 1 /**/ settings/**/max_execution_time=0"],
    ["a file to write", "SELECT 1 INTO OUTFILE '/tmp/x'"],
    ["a file as a table", "SELECT * FROM file('/etc/hostname', 'LineAsString')"],
    ["a file's columns", "DESCRIBE TABLE file('/etc/passwd')"],
    ["a file as a value", "SELECT file('/etc/hostname')"],
    ["a file by a quoted name", "SELECT `file`('/etc/hostname')"],
    ["a file by a name in capitals", "SELECT FILE('/etc/hostname')"],
    ["a file as a function applied", "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')"],
    ["a URL", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"],
    ["another server", "SELECT * FROM remote('127.0.0.1', sallyport.events)"],
    ["another server by way of a column", "SELECT hasColumnInTable('127.0.0.1', 'a', 'b', 'c')"],
    ["another database's server", "SELECT * FROM mysql('127.0.0.1', 'a', 'b', 'c', 'd')"],
    ["a program", "SELECT * FROM executable('id', 'TSV', 'a String')"],
    ["the index of a table", "SELECT * FROM mergeTreeIndex('sallyport', 'events')"],
    ["tables by a pattern", "SELECT * FROM merge('sallyport', '.*')"],
    ["who asks what", "SELECT query FROM system.processes"],
    ["where parts lie", 'SELECT path FROM `system`."parts"'],
    ["a table of system by name", "SELECT * FROM {d:Identifier}.parts"],
    ["a dictionary", "SELECT dictGet('d', 'a', 1)"],
    ["a plan in a subquery", "SELECT * FROM (EXPLAIN SELECT 1)"],
    ["how many rows a read would take", "EXPLAIN ESTIMATE SELECT * FROM events"],
    ["a wait", "SELECT sleep(3)"],
    ["settings behind one whose name has dots", "SELECT * FROM (SELECT 1 SETTINGS SQL_a.b = 1, max_memory_usage = 0)"],
    ["how many rows all tenants have", "SELECT total_rows FROM system.tables"],
    ["how many rows all tenants have, unnamed", "SELECT t.* FROM system.tables AS t"],
    ["how many rows all tenants have, by a pattern", "SELECT COLUMNS('^total') FROM system.tables"],
    ["how many rows all tenants have, as standard SQL has it", "SELECT TABLE_ROWS FROM information_schema.tables"],
    ["how many rows all tenants have, as a condition", "SHOW TABLES WHERE total_rows = 3"],
    ["the size of a column", "SELECT sum(`data_compressed_bytes`) FROM system.columns"],
    ["where the store lies", "SELECT data_path FROM system.databases"],
    ["how many rows lie before one's own", "SELECT min(_part_offset) FROM events"],
    ["who may do what", "SHOW GRANTS"],
    ["what runs", "SHOW PROCESSLIST"],
  ])("refuses %s", async (_, sql) => {
    await expect(ask(sql, { params: { d: "system" } })).rejects.toMatchObject({ name: "StoreError" });
    expect(await ask("SELECT count() FROM events")).toBe("2\n");
  });

  it("shows nobody another tenant's rows, contents included", async () => {
    const rows = await ask("SELECT (SELECT count() FROM events WHERE tenant = 'theirs'), (SELECT count() FROM bodies)");
    expect(rows).toBe("0\t0\n");
  });

  it("refuses a tenant that the store was not opened for", async () => {
    await expect(ask("SELECT 1", { tenant: "theirs" })).rejects.toMatchObject({ code: 497 });
  });

  it("refuses an answer above the rows that were asked for, rather than cutting it", async () => {
    await expect(ask("SELECT * FROM numbers(11)", { maxRows: 10 })).rejects.toMatchObject({ code: 396 });
  });

  it("refuses an answer that its format makes many times as large", async () => {
    const sql = "SELECT repeat('\\0', 1000000) FROM numbers(12) FORMAT JSONEachRow";
    await expect(ask(sql)).rejects.toMatchObject({ code: 396 });
  });

  it("refuses what takes more memory than readers have, two at once, and goes on", async () => {
    const greedy = "SELECT length(range(materialize(toUInt64(150000000)))) AS n";
    const both = await Promise.allSettled([ask(greedy), ask(greedy)]);
    for (const one of both) {
      expect(one).toMatchObject({ status: "rejected", reason: { code: 241 } });
      expect(String((one as PromiseRejectedResult).reason)).toMatch(/[Mm]emory limit exceeded.*maximum: 953\.67 MiB/s);
    }
    await expect(store.query(greedy)).rejects.toMatchObject({ code: 241 });
    expect(await ask("SELECT count() FROM events")).toBe("2\n");
    expect(await store.query("SELECT count() AS n FROM events")).toEqual([{ n: 3 }]);
  });

  it("groups and sorts on disk what does not fit in memory, up to a limit", async () => {
    const settings = await ask(
      "SELECT name, value FROM system.settings WHERE name LIKE 'max_bytes_before_external_%' OR name = 'max_temporary_data_on_disk_size_for_query' ORDER BY name",
    );
    expect(settings).toMatch(/group_by\t300000000\n.*sort\t300000000\nmax_temp.*\t4000000000\n/s);
  });

  it("names a value that is missing", async () => {
    await expect(ask("SELECT {nobody:String}")).rejects.toThrow("`nobody` is not set");
  });

  it("has every table with a tenant among those whose rows are a tenant's own", async () => {
    const tables = await store.query<{ table: string }>(
      `SELECT DISTINCT c.table AS table FROM system.columns AS c JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
       WHERE c.database = 'sallyport' AND c.name = 'tenant' AND t.engine NOT LIKE '%View'`,
    );
    expect([...TENANT_TABLES]).toEqual(expect.arrayContaining(tables.map(({ table }) => table)));
  });
});

describe("the embedded store over ClickHouse's HTTP interface", () => {
  const TOKEN = "a-token-of-the-auditors";
  const read: EventDraft[] = [];
  let recording = true;
  let server: { port: number; close(): Promise<void> };
  let url: string;

  beforeAll(async () => {
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, `${TOKEN}\n`);
    const recordDurably = async (event: EventDraft): Promise<void> => {
      if (!recording) throw new Refusal("recorder-unavailable", "the gateway cannot record this request");
      read.push(event);
    };
    server = await serveReaders({
      config: { address: "127.0.0.1:0", tokenFile },
      tenant: "ours",
      reader: store,
      recorder: { recordDurably },
      log: silentLog,
    });
    url = `http://127.0.0.1:${server.port}`;
  });
  afterAll(() => server.close());

  const get = (query: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/?${new URLSearchParams(query)}`, { headers: { "X-ClickHouse-Key": TOKEN, ...headers } });

  it("answers the vendor's own client, compressed, with values", async () => {
    const client = createClient({ url, password: TOKEN, database: "sallyport", compression: { response: true } });
    expect(await client.ping({ select: true })).toEqual({ success: true });
    const answer = await client.query({
      query: "SELECT session_id, count() AS n FROM events WHERE session_id IN {ids:Array(String)} GROUP BY session_id",
      query_params: { ids: ["of-ours", "of-theirs", "it's"] },
      format: "JSONEachRow",
    });
    expect(await answer.json()).toEqual([{ session_id: "of-ours", n: 2 }]);
    await client.close();
  });

  it.each([
    [
      "as TabSeparated where nobody says how",
      { query: "SELECT 1 AS n" },
      "1\n",
      "text/tab-separated-values; charset=UTF-8",
    ],
    [
      "in the URL's format",
      { query: "SELECT 1 AS n", default_format: "CSVWithNames" },
      '"n"\n1\n',
      "text/csv; charset=UTF-8",
    ],
    [
      "in the query's format",
      { query: "SELECT 1 AS n FORMAT JSONEachRow" },
      '{"n":1}\n',
      "application/x-ndjson; charset=UTF-8",
    ],
    [
      "with values",
      { query: "SELECT {n:UInt8} + 1", param_n: "41" },
      "42\n",
      "text/tab-separated-values; charset=UTF-8",
    ],
    [
      "as its settings of output say",
      { query: "SELECT toUInt64(1) AS n FORMAT JSONEachRow", output_format_json_quote_64bit_integers: "1" },
      '{"n":"1"}\n',
      "application/x-ndjson; charset=UTF-8",
    ],
  ])("answers %s", async (_, query, text, type) => {
    const response = await get(query);
    expect([await response.text(), response.headers.get("content-type")]).toEqual([text, type]);
  });

  it("says the format, the query's id and what was read in ClickHouse's headers", async () => {
    const { headers } = await get({ query: "SELECT count() FROM events WHERE seq > 0", query_id: "mine-1" });
    expect(headers.get("x-clickhouse-format")).toBe("TabSeparated");
    expect(headers.get("x-clickhouse-query-id")).toBe("mine-1");
    expect(JSON.parse(headers.get("x-clickhouse-summary") ?? "")).toMatchObject({
      read_rows: expect.stringMatching(/^\d+$/),
    });
  });

  it("writes Native for the revision of ClickHouse's Go driver, which Grafana asks with: whole columns, each marked", async () => {
    const query =
      "SELECT 'a' AS s, 1::UInt64 AS n, ['x', 'yz'] AS list, toLowCardinality('lc') AS l, [toLowCardinality('x'), 'y'] AS ll, []::Array(LowCardinality(String)) AS none, NULL::Nullable(DateTime64(6)) AS t, map('k', 2::UInt8) AS m, (1::UInt8, 'e')::Tuple(i UInt8, t String) AS p FROM numbers(2) FORMAT Native";
    const bytes = async (more: object): Promise<Buffer> =>
      Buffer.from(await (await get({ query, ...more })).arrayBuffer());
    const [plain, marked] = [await bytes({}), await bytes({ client_protocol_version: "54488" })];
    // Eight bytes of block info, and a byte for each of the nine columns.
    expect(marked.length).toBe(plain.length + 8 + 9);
    expect(marked.subarray(0, 10)).toEqual(Buffer.from([1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 9, 2]));
    expect(marked.subarray(10, 24)).toEqual(Buffer.from("\x01s\x06String\x00\x01a\x01a"));
  });

  it("says that it is there to whoever asks for no more", async () => {
    for (const path of ["/ping", "/"]) {
      const response = await fetch(`${url}${path}`, { headers: { Authorization: `Bearer ${TOKEN}` } });
      expect([response.status, await response.text()]).toEqual([200, "Ok.\n"]);
    }
  });

  it("takes the query in the body, or its first part in the URL and the rest in the body", async () => {
    const post = (path: string, body: string): Promise<Response> =>
      fetch(`${url}${path}`, { method: "POST", body, headers: { "X-ClickHouse-Key": TOKEN } });
    expect(await (await post("/", "SELECT 7")).text()).toBe("7\n");
    expect(await (await post("/?query=SELECT", "8")).text()).toBe("8\n");
  });

  it.each([
    ["a wrong token", { query: "SELECT 1" }, { "X-ClickHouse-Key": "another" }, 403, "516"],
    ["a token in the URL", { query: "SELECT 1", password: TOKEN }, {}, 403, "516"],
    ["an insert", { query: "INSERT INTO events (tenant) VALUES ('ours')" }, {}, 400, "164"],
    ["a setting that lifts a limit", { query: "SELECT 1", max_memory_usage: "0" }, {}, 400, "164"],
    ["a setting that names a file", { query: "SELECT 1", format_schema: "/etc/passwd" }, {}, 400, "164"],
    ["a setting of another tenant's rows", { query: "SELECT 1", additional_table_filters: "{}" }, {}, 400, "164"],
    ["another database", { query: "SELECT 1 FROM parts", database: "system" }, {}, 404, "81"],
    ["a database of a header", { query: "SELECT 1" }, { "X-ClickHouse-Database": "system" }, 404, "81"],
    ["ClickHouse's own compression", { query: "SELECT 1", compress: "1" }, {}, 400, "164"],
    ["a table that is not there", { query: "SELECT 1 FROM nothing" }, {}, 404, "60"],
    ["no SQL", { query: "SELEC 1" }, {}, 400, "62"],
    ["a format that is none", { query: "SELECT 1 FORMAT Nope" }, {}, 400, "73"],
  ])("refuses %s as ClickHouse does", async (_, query, headers, status, code) => {
    const response = await get(query, headers);
    expect([response.status, response.headers.get("x-clickhouse-exception-code")]).toEqual([status, code]);
    expect(await response.text()).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(version `, "s"));
  });

  it("puts each question on record before it answers, and answers none where nothing can be put there", async () => {
    read.length = 0;
    await get({ query: "SELECT 'what I ask'" });
    expect(read).toMatchObject([{ kind: "read", payload: { what: "sql", sql: "SELECT 'what I ask'" } }]);
    recording = false;
    const response = await get({ query: "SELECT 'unseen'" });
    recording = true;
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining("unseen")]);
  });

  it("lets nobody in while the token's file is being written again", async () => {
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, "");
    const response = await fetch(`${url}/?query=SELECT+7`);
    writeFileSync(tokenFile, `${TOKEN}\n`);
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringMatching(/^7/)]);
  });

  it("answers a target that is no URL", async () => {
    const socket = connect(server.port, "127.0.0.1").end("GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("puts nothing on record that is too long to be asked", async () => {
    read.length = 0;
    const response = await fetch(url, {
      method: "POST",
      body: "SELECT 1 ".padEnd(262_145),
      headers: { "X-ClickHouse-Key": TOKEN },
    });
    expect([response.status, read]).toEqual([400, []]);
  });

  it("keeps no more answers than fit, for clients that do not read them, and lets go of those that leave", async () => {
    const bytes = Buffer.alloc(20_000_000);
    const answer = async () => ({ format: "Native", bytes, rowsRead: 1, bytesRead: 1, seconds: 0 });
    const at = await serveClickHouse({ address: "127.0.0.1:0", answer, maxHeldBytes: 30_000_000 });
    const path = `http://127.0.0.1:${at.port}/?query=SELECT`;
    const leaving = new AbortController();
    await fetch(path, { signal: leaving.signal });
    const refused = await fetch(path);
    expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining("wait to be read")]);
    leaving.abort();
    await expect.poll(async () => (await fetch(path)).status).toBe(200);
    await at.close();
  });

  it("does not serve other machines without TLS", async () => {
    const config = { address: "0.0.0.0:0", tokenFile: join(folder, "token") };
    const deps = { tenant: "ours", reader: store, recorder: { recordDurably: async () => {} }, log: silentLog };
    await expect(serveReaders({ config, ...deps })).rejects.toThrow("without TLS so does the token");
  });
});
