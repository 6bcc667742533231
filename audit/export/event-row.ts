import type { EventRow } from "../event.ts";

type ColumnType = "text" | "count" | "flag" | "list";

/** The columns of `events` (contracts §6) in their order there, and what each holds. */
export const EVENT_COLUMNS: Readonly<Record<keyof EventRow, ColumnType>> = {
  tenant: "text",
  session_id: "text",
  writer: "text",
  seq: "count",
  at: "text",
  kind: "text",
  exchange_id: "text",
  issuer: "text",
  username: "text",
  groups: "list",
  connection: "text",
  verb: "text",
  api_group: "text",
  resource: "text",
  subresource: "text",
  namespace: "text",
  name: "text",
  path: "text",
  status: "count",
  effect: "text",
  rules: "list",
  approval_id: "text",
  break_glass: "flag",
  masked_fields: "list",
  record_level: "text",
  revision: "text",
  digest: "text",
  user_agent: "text",
  source_ip: "text",
  prompt_id: "text",
  tool_use_id: "text",
  duration_us: "count",
  request_bytes: "count",
  response_bytes: "count",
  request_body: "text",
  response_body: "text",
  payload: "text",
  prev_hash: "text",
  hash: "text",
};

const COLUMNS = Object.entries(EVENT_COLUMNS) as [keyof EventRow, ColumnType][];

const IS: Record<ColumnType, (value: unknown) => boolean> = {
  text: (value) => typeof value === "string",
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  flag: (value) => typeof value === "boolean",
  list: (value) => Array.isArray(value) && value.every((entry) => typeof entry === "string"),
};

/**
 * Whether a line names a column twice: readers differ in which of the two they take, so what a person or another tool is
 * shown would not be what was hashed. `row` is the line, parsed, and no column holds an object.
 */
export function namesTwice(line: string, row: EventRow): boolean {
  if (JSON.stringify(row) === line) return false;
  let names = 0;
  for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at)) {
    for (at++; line[at] !== '"'; at++) if (line[at] === "\\") at++;
    at++;
    while (/^[ \t\r\n]$/.test(line[at] ?? "")) at++;
    if (line[at] === ":") names++;
  }
  return names !== COLUMNS.length;
}

/** Why a parsed line is no row of `events`, or undefined where it is one: these columns, no more and no less. */
export function rowProblem(value: unknown): string | undefined {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "it is no row of events";
  const row = value as Record<string, unknown>;
  for (const [name, type] of COLUMNS) {
    if (!Object.hasOwn(row, name)) return `it has no column ${name}`;
    if (!IS[type](row[name])) return `its column ${name} is no ${type}`;
  }
  if (Object.keys(row).length === COLUMNS.length) return undefined;
  const more = Object.keys(row).find((name) => !Object.hasOwn(EVENT_COLUMNS, name));
  return `it has a column ${JSON.stringify(more)}, which events have not`;
}
