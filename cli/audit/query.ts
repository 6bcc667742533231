import { namedQueries } from "../../audit/queries.ts";
import { didYouMean } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import type { Answer } from "../action.ts";
import { parseWhen } from "../evidence/source.ts";
import { printable } from "../style.ts";

interface Options {
  config?: string;
  since?: string;
  until?: string;
  limit?: string;
}

type Row = Record<string, unknown>;

/** Answers a named question from the HTTP API, or with `--config` from the store itself. */
export async function askRecord(name: string, options: Options): Promise<Answer> {
  if (!Object.hasOwn(namedQueries, name)) {
    throw new UserError(`there is no query "${name}"; ${didYouMean(name, Object.keys(namedQueries))}`, { exitCode: 2 });
  }
  const when = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseWhen(text, Date.now());
  const parameters = { since: when(options.since), until: when(options.until), limit: limitOf(options.limit) };
  const items =
    options.config === undefined ? await fromApi(name, parameters) : await fromStore(options.config, name, parameters);
  return { json: { items }, text: renderRows(items) };
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new UserError(`--limit ${text}: must be a whole number above 0`, { exitCode: 2 });
}

interface Parameters {
  since: number | undefined;
  until: number | undefined;
  limit: number | undefined;
}

async function fromApi(name: string, { since, until, limit }: Parameters): Promise<Row[]> {
  const { loadContext } = await import("../context.ts");
  const { createClient } = await import("../client.ts");
  const { gatewaySession } = await import("../session.ts");
  const context = loadContext(process.env);
  const client = createClient(context, async () => (await gatewaySession(context, process.env)).token);
  const iso = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  try {
    const body = { parameters: { since: iso(since), until: iso(until), limit } };
    const answer = (await client.request("POST", `/v1alpha1/queries/${encodeURIComponent(name)}`, { body })) as {
      items: Row[];
    };
    return answer.items;
  } finally {
    await client.close();
  }
}

async function fromStore(file: string, name: string, parameters: Parameters): Promise<Row[]> {
  const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
  const { openStoreReader } = await import("../../audit/store/open.ts");
  const config = loadGatewayConfig(file);
  const store = await openStoreReader(config.audit.store);
  try {
    return ((await namedQueries[name]?.run(store, config.tenant, parameters)) ?? []) as Row[];
  } finally {
    await store.close();
  }
}

/** Rows as blocks of `name: value`, without what is empty: a table of twenty columns fits no terminal. */
function renderRows(rows: readonly Row[]): string {
  if (rows.length === 0) return "nothing on record";
  return rows
    .map((row) =>
      Object.entries(row)
        .filter(([, value]) => value !== "" && value !== 0 && !(Array.isArray(value) && value.length === 0))
        .map(([key, value]) => `${key}: ${printable(Array.isArray(value) ? value.join(", ") : String(value))}`)
        .join("\n"),
    )
    .join("\n\n");
}
