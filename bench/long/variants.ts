import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import { readMigrations } from "../../audit/store/migrate.ts";
import { FIRST_DAY, insertRows, PER_SESSION, sessionName } from "./rows.ts";

/** What docs/decisions.md says was measured about order keys, codecs and projections; times are CPU time. */

export interface Variant {
  name: string;
  mebibytes: number;
  bytesAnEvent: number;
  insertSeconds: number;
  sessionMs: number;
  exchangeMs: number;
  monthMs: number;
}

const KEY = "ORDER BY (tenant, session_id, writer, seq)";
const DAY_FIRST = "ORDER BY (tenant, toDate(at), session_id, writer, seq)";
const CODECS = / CODEC\((?:[^()]|\([^()]*\))*\)/g;

/** Each is the table of the migrations, changed. */
const VARIANTS: Record<string, { change?: (ddl: string) => string; after?: string[] }> = {
  "as it is": {},
  "key: day before session": { change: (ddl) => ddl.replace(KEY, DAY_FIRST) },
  "key: time before session": { change: (ddl) => ddl.replace(KEY, "ORDER BY (tenant, at, session_id, writer, seq)") },
  "key: kind, then time": { change: (ddl) => ddl.replace(KEY, "ORDER BY (tenant, kind, at, session_id, writer, seq)") },
  "no partitions": { change: (ddl) => ddl.replace(/PARTITION BY [^\n]+/, "") },
  "codecs: LZ4 throughout": { change: (ddl) => ddl.replace(CODECS, "") },
  "codecs: ZSTD(1) throughout": { change: (ddl) => ddl.replace(CODECS, " CODEC(ZSTD(1))") },
  "codecs: ZSTD(3) for payload": {
    change: (ddl) => ddl.replace(/(payload +String) CODEC\(ZSTD\(1\)\)/, "$1 CODEC(ZSTD(3))"),
  },
  "codecs: DoubleDelta for time": {
    change: (ddl) => ddl.replace(/(DateTime64\(6, 'UTC'\)) CODEC\(Delta, /, "$1 CODEC(DoubleDelta, "),
  },
  "projection: privileged by time": {
    after: [
      "ALTER TABLE %t ADD PROJECTION by_privileged (SELECT * ORDER BY privileged, at)",
      "ALTER TABLE %t MATERIALIZE PROJECTION by_privileged SETTINGS mutations_sync=2",
    ],
  },
  "projection: privileged, offsets only": {
    after: [
      "ALTER TABLE %t ADD PROJECTION by_privileged (SELECT _part_offset ORDER BY privileged, at)",
      "ALTER TABLE %t MATERIALIZE PROJECTION by_privileged SETTINGS mutations_sync=2",
    ],
  },
  "index: set on privileged": {
    after: [
      "ALTER TABLE %t ADD INDEX by_privileged privileged TYPE minmax GRANULARITY 1",
      "ALTER TABLE %t MATERIALIZE INDEX by_privileged SETTINGS mutations_sync=2",
    ],
  },
};

export function measureVariants(rows: number, say: (what: string) => void): Variant[] {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-variants-"));
  const session = new Session(folder, { connectionArgs: ["--async_load_databases=0"] });
  try {
    session.query("CREATE DATABASE sallyport");
    session.query("USE sallyport");
    const statements = readMigrations().flatMap((migration) => migration.statements);
    return Object.entries(VARIANTS).map(([name, { change = (ddl: string) => ddl, after = [] }], i) => {
      say(`variant "${name}"`);
      const table = `events_${i}`;
      for (const statement of statements) {
        const text = statement.replace(/^(?:\s*--[^\n]*\n)+/, "");
        if (text.startsWith("CREATE TABLE IF NOT EXISTS events\n"))
          session.query(change(text).replace("EXISTS events\n", `EXISTS ${table}\n`));
        if (text.startsWith("ALTER TABLE events "))
          session.query(text.replace("ALTER TABLE events ", `ALTER TABLE ${table} `));
      }
      const measured = measure(session, table, rows, after);
      session.query(`DROP TABLE ${table} SYNC`);
      return { name, ...measured };
    });
  } finally {
    session.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function measure(session: Session, table: string, rows: number, after: string[]): Omit<Variant, "name"> {
  const started = process.cpuUsage();
  const batch = 100_000;
  for (let from = 0; from < rows; from += batch)
    session.query(insertRows(table, from, Math.min(rows, from + batch), rows));
  const spent = process.cpuUsage(started);
  const insertSeconds = (spent.user + spent.system) / 1e6;
  for (const statement of after) session.query(statement.replace("%t", table));
  session.query(`OPTIMIZE TABLE ${table} FINAL`);
  const bytes = Number(
    session.query(`SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = '${table}'`, "TSV"),
  );
  const sessions = Math.ceil(rows / PER_SESSION);
  const one = sessionName(Math.floor(sessions / 2));
  const exchange = session.query(`SELECT exchange_id FROM ${table} WHERE session_id = '${one}' LIMIT 1`, "TSV").trim();
  const month = `at >= fromUnixTimestamp64Milli(${FIRST_DAY + 150 * 86_400_000}, 'UTC') AND at < fromUnixTimestamp64Milli(${FIRST_DAY + 180 * 86_400_000}, 'UTC')`;
  const time = (sql: string): number => {
    const times = Array.from({ length: 7 }, () => {
      const start = process.cpuUsage();
      session.query(sql);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    });
    // CPU time, and the least of it: what else runs on the machine only adds.
    return Math.min(...times);
  };
  return {
    insertSeconds,
    mebibytes: bytes / 2 ** 20,
    bytesAnEvent: bytes / rows,
    sessionMs: time(
      `SELECT * FROM ${table} WHERE tenant = 'default' AND session_id = '${one}' ORDER BY writer, seq FORMAT Null`,
    ),
    exchangeMs: time(`SELECT * FROM ${table} WHERE tenant = 'default' AND exchange_id = '${exchange}' FORMAT Null`),
    monthMs: time(
      `SELECT at, session_id, exchange_id, username, verb, resource, namespace, name, rules, payload FROM ${table} WHERE tenant = 'default' AND privileged AND ${month} FORMAT Null`,
    ),
  };
}
