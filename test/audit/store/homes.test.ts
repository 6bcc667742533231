import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { afterEach, describe, expect, it } from "vitest";
import { openStore } from "../../../audit/store/open.ts";
import type { Store } from "../../../audit/store/store.ts";
import { createAuthority } from "../../../tools/control-plane/certificates.ts";
import { storeBehaviours } from "./behaviours.ts";
import { type DoubleOptions, startDouble } from "./clickhouse-double.ts";

const NEWER = "INSERT INTO schema_version (version, name) SELECT 9999, 'later'";
const folder = (): string => mkdtempSync(join(tmpdir(), "sallyport-audit-"));

describe("the embedded store", () => {
  storeBehaviours(async () => {
    const path = folder();
    const embedded = join(path, "store");
    return {
      open: () => openStore({ embedded }, "ours"),
      async newer() {
        const script = `const { Session } = require("chdb"); const s = new Session(process.argv[1]); s.query("USE sallyport"); s.query(${JSON.stringify(NEWER)}); s.close()`;
        execFileSync(process.execPath, ["-e", script, embedded], { stdio: "pipe" });
      },
      remove: async () => rmSync(path, { recursive: true, force: true }),
    };
  });
});

describe("a ClickHouse server over HTTP", () => {
  storeBehaviours(async () => {
    const path = folder();
    const server = await startDouble(path);
    return {
      open: () => openStore({ url: server.url }, "ours"),
      newer: () => write(server.url, "sallyport"),
      async remove() {
        await server.kill();
        rmSync(path, { recursive: true, force: true });
      },
    };
  });
});

const url = process.env.SALLYPORT_CLICKHOUSE_URL;
describe.skipIf(url === undefined)("a ClickHouse server of its own", () => {
  storeBehaviours(async () => {
    const database = `sallyport_test_${randomUUID().replaceAll("-", "")}`;
    return {
      // With SALLYPORT_CLICKHOUSE_CLUSTER, a cluster of that name: what chDB cannot be.
      open: () => openStore({ url: url ?? "", database, cluster: process.env.SALLYPORT_CLICKHOUSE_CLUSTER }, "ours"),
      newer: () => write(url ?? "", database),
      async remove() {
        const client = createClient({ url: url ?? "" });
        await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
        await client.close();
      },
    };
  });
});

async function write(at: string, database: string): Promise<void> {
  const client = createClient({ url: at, database });
  await client.command({ query: NEWER });
  await client.close();
}

describe("a ClickHouse server", () => {
  const undo: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action();
  });
  async function server(path: string, options: DoubleOptions = {}) {
    const started = await startDouble(path, options);
    undo.push(() => started.kill());
    return started;
  }
  async function opened(location: Parameters<typeof openStore>[0]): Promise<Store> {
    const store = await openStore(location);
    undo.push(() => store.close());
    return store;
  }
  function scratch(): string {
    const path = folder();
    undo.push(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }
  const line = Buffer.from('{"tenant":"ours","session_id":"s","writer":"w","seq":1,"at":"2026-11-22 10:00:00.1"}');

  it("that is away at the start takes rows once it is there, and has them after it was killed", async () => {
    const path = scratch();
    const first = await server(join(path, "data"));
    await first.kill();
    const store = await opened({ url: first.url });
    await expect(store.insert({ lines: [line], token: "t" })).rejects.toMatchObject({ code: 210 });
    const second = await server(join(path, "data"), { port: first.port });
    await store.insert({ lines: [line], token: "t" });
    await second.kill();
    await server(join(path, "data"), { port: first.port });
    expect(await store.query("SELECT count() AS n FROM events")).toEqual([{ n: 1 }]);
  });

  it("is asked with the user and password of the files, over TLS of the CA's file, and the password may change", async () => {
    const path = scratch();
    const authority = await createAuthority("clickhouse");
    const { certificate: cert, key } = await authority.issueServer(["127.0.0.1"]);
    const file = (name: string, text: string): string => {
      writeFileSync(join(path, name), text, { mode: 0o600 });
      return join(path, name);
    };
    const { url: at } = await server(join(path, "data"), { user: "gateway", password: "right", cert, key });
    const userFile = file("user", "gateway\n");
    const location = {
      url: at,
      userFile,
      passwordFile: file("password", "wrong\n"),
      caFile: file("ca.crt", authority.certificate),
    };
    await expect(openStore(location)).rejects.toMatchObject({ code: 516 });
    file("password", "right\n");
    const store = await opened(location);
    await store.insert({ lines: [line], token: "t" });
    expect(await store.query("SELECT count() AS n FROM events")).toEqual([{ n: 1 }]);
    const { caFile: _, ...untrusting } = location;
    await expect((await opened(untrusting)).query("SELECT 1")).rejects.toMatchObject({ code: 210 });
  });

  it("lets people's SQL see nothing of what else is in it", async () => {
    const { url: at } = await server(scratch());
    const store = await opened({ url: at });
    const client = createClient({ url: at });
    await client.command({ query: "CREATE DATABASE others" });
    await client.command({
      query: "CREATE TABLE others.secrets ENGINE = MergeTree ORDER BY () AS SELECT 'hidden' AS a",
    });
    await client.close();
    const ask = async (sql: string): Promise<string> =>
      Buffer.from((await store.ask({ sql, tenant: "ours", format: "TabSeparated" })).bytes).toString("utf8");
    for (const sql of ["SELECT * FROM others.secrets", "SELECT 'x' IN `others`.secrets", "DESCRIBE others.secrets"])
      await expect(ask(sql), sql).rejects.toThrow("the database others is not for readers");
    expect(await ask("SELECT DISTINCT database FROM system.tables")).toBe("sallyport\n");
    expect(await ask("SHOW TABLES FROM others")).toBe("");
  });
});
