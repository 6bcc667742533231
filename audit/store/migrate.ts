import { readdirSync, readFileSync } from "node:fs";
import { UserError } from "../../base/errors.ts";
import { quoted } from "./readers-sql.ts";

/** Runs one statement and returns its rows. */
export type Execute = (sql: string) => Promise<Record<string, unknown>[]>;

interface Migration {
  version: number;
  name: string;
  statements: string[];
}

/** `audit/schema/<number>-<name>.sql`, in order. Statements are parted by a line that holds only a semicolon. */
export function readMigrations(folder = new URL("../schema/", import.meta.url)): Migration[] {
  return readdirSync(folder)
    .filter((file) => /^\d{4}-.+\.sql$/.test(file))
    .sort()
    .map((file) => ({
      version: Number(file.slice(0, 4)),
      name: file.slice(5, -4),
      statements: readFileSync(new URL(file, folder), "utf8")
        .split(/^;$/m)
        .map((statement) => statement.trim())
        .filter((statement) => statement !== ""),
    }));
}

export interface MigrateOptions {
  migrations?: readonly Migration[];
  /** How a statement is run here: a cluster's are others than a single server's. */
  statement?: (sql: string) => string[];
}

/**
 * Brings the schema to what this code knows. Each statement can be run twice, since a crash may come between it and
 * the marks in `schema_version`, and whatever is not marked runs again. Throws a UserError where the schema is newer than the code.
 */
export async function migrate(
  execute: Execute,
  { migrations = readMigrations(), statement = (sql) => [sql] }: MigrateOptions = {},
): Promise<void> {
  const run = async (sql: string): Promise<void> => {
    for (const one of statement(sql)) await execute(one);
  };
  await run(
    "CREATE TABLE IF NOT EXISTS schema_version (version UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = MergeTree ORDER BY version",
  );
  const rows = await execute("SELECT version FROM schema_version");
  const present = new Set(rows.map((row) => Number(row.version)));
  const kept = Math.max(0, ...present);
  const newest = Math.max(0, ...migrations.map((migration) => migration.version));
  if (kept > newest) {
    throw new UserError(`the store's schema is version ${kept}; this Sallyport knows up to ${newest}`, {
      next: "Run the Sallyport that wrote it, or a newer one: an older one could not record what the newer tables ask for.",
    });
  }
  const pending = migrations.filter((migration) => !present.has(migration.version));
  for (const sql of lastTexts(pending.flatMap((migration) => migration.statements))) await run(sql);
  if (pending.length === 0) return;
  // At once, since each insert is a part of its own on disk.
  const marks = pending.map(({ version, name }) => `(${version}, ${quoted(name)})`).join(", ");
  await execute(
    `INSERT INTO schema_version (version, name) SELECT mark.1, mark.2 FROM (SELECT arrayJoin([${marks}]) AS mark)`,
  );
}

/** The statements without the views that a later one makes anew before any other names them. */
function lastTexts(statements: readonly string[]): string[] {
  const kept: string[] = [];
  for (const statement of statements.toReversed()) {
    const text = withoutComment(statement);
    const view = VIEW.exec(text)?.[1];
    const next = view === undefined ? undefined : kept.find((later) => new RegExp(`\\b${view}\\b`).test(later));
    if (next === undefined || VIEW.exec(next)?.[1] !== view) kept.unshift(text);
  }
  return kept;
}

const VIEW = /^CREATE OR REPLACE VIEW (\w+)\s/;

const withoutComment = (statement: string): string => statement.replace(/^(?:\s*--[^\n]*\n)+/, "").trim();
