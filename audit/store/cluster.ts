import { quoted } from "./readers-sql.ts";

/**
 * A statement of a migration as a cluster runs it: made on every node (`ON CLUSTER`), tables replicated and behind a
 * Distributed table of the same name, which parts rows by session, so that a chain is on one shard and in its order.
 * Throws where a statement is of no kind that it knows: a migration that a cluster would not have is a mistake of ours.
 */
export function forCluster(statement: string, cluster: string): string[] {
  const on = ` ON CLUSTER ${quoted(cluster)}`;
  const text = statement.replace(/^(?:\s*--[^\n]*\n)+/, "").trim();
  const view = /^CREATE OR REPLACE VIEW (\w+)(\s)/.exec(text);
  if (view !== null) return [text.replace(view[0], `CREATE OR REPLACE VIEW ${view[1]}${on}${view[2]}`)];
  const table = /^CREATE TABLE IF NOT EXISTS (\w+)(\s)/.exec(text);
  if (table !== null) return createTable(text, table[1] ?? "", on, cluster);
  const alter = /^ALTER TABLE (\w+) (ADD|MODIFY|MATERIALIZE|DROP|RENAME|CLEAR)/.exec(text);
  if (alter !== null) return alterTable(text, alter[1] ?? "", on);
  const drop = /^DROP VIEW IF EXISTS (\w+)/.exec(text);
  if (drop !== null) return [`${text}${on}`];
  if (/^(?:SELECT|INSERT INTO)\b/.test(text)) return [text];
  throw new Error(`a cluster cannot run this statement of a migration: ${text.slice(0, 80)}`);
}

/** Where rows go: all of a session, or of a content, to one shard. */
const SHARDING: Record<string, string> = {
  bodies: "cityHash64(tenant, sha256)",
  schema_version: "1",
};

function createTable(text: string, table: string, on: string, cluster: string): string[] {
  const engine = /\bENGINE = (ReplacingMergeTree|MergeTree)(?:\(([^)]*)\))?/.exec(text);
  if (engine === null) throw new Error(`table ${table} has no engine that a cluster replicates`);
  const [, kind = "", version = ""] = engine;
  const replicated = `ENGINE = Replicated${kind}('/clickhouse/tables/{shard}/{database}/{table}', '{replica}'${version === "" ? "" : `, ${version}`})`;
  const local = text
    .replace(/^CREATE TABLE IF NOT EXISTS \w+/, `CREATE TABLE IF NOT EXISTS ${table}_local${on}`)
    .replace(engine[0], replicated)
    .replace("non_replicated_deduplication_window", "replicated_deduplication_window");
  const sharding = SHARDING[table] ?? "cityHash64(tenant, session_id)";
  return [
    local,
    `CREATE TABLE IF NOT EXISTS ${table}${on} AS ${table}_local ENGINE = Distributed(${quoted(cluster)}, currentDatabase(), ${table}_local, ${sharding})`,
  ];
}

function alterTable(text: string, table: string, on: string): string[] {
  const rest = text.slice(`ALTER TABLE ${table}`.length);
  const local = `ALTER TABLE ${table}_local${on}${rest}`;
  // Indexes, projections and TTLs are of the tables that hold rows; columns are of both.
  const column = /^ (?:ADD|MODIFY|DROP|RENAME) COLUMN/.test(rest);
  return column
    ? [local, `ALTER TABLE ${table}${on}${rest.replace(/\s+CODEC\((?:[^()]|\([^()]*\))*\)/g, "")}`]
    : [local];
}
