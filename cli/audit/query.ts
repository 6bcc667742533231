import { namedQueries, namedQuery } from "../../audit/questions/named-queries.ts";
import { type Answered, type NamedQuery, ParameterError, type Row } from "../../audit/questions/question.ts";
import { didYouMean } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import type { Answer } from "../action.ts";
import { printable } from "../style.ts";
import { parametersOf } from "./parameters.ts";

export interface QueryOptions {
  config?: string;
  since?: string;
  until?: string;
  limit?: string;
  /** `name=value`, of a parameter of the question. */
  param?: string[];
}

/** Answers a named question from the HTTP API, or with `--config` from the store itself. */
export async function askRecord(name: string, options: QueryOptions): Promise<Answer> {
  const query = namedQuery(name);
  if (query === undefined) {
    throw new UserError(`there is no query "${name}"; ${didYouMean(name, Object.keys(namedQueries))}`, {
      exitCode: 2,
      next: "See `sallyport audit query`.",
    });
  }
  const parameters = parametersOf(query, options, Date.now());
  const { items, more } =
    options.config === undefined
      ? await fromApi(query, parameters)
      : await fromStore(options.config, query, parameters);
  if (more) {
    process.stderr.write(
      `These are the first ${items.length} rows, and there are more: raise --limit, or shorten the period.\n`,
    );
  }
  return { json: { items, more }, text: renderRows(items) };
}

/** The questions there are, and what each takes. */
export function listQuestions(): Answer {
  const all = Object.values(namedQueries).map(({ name, title, parameters }) => ({ name, title, parameters }));
  const text = all.map(({ name, title, parameters: { properties, required = [] } }) => {
    const own = Object.keys(properties).map((one) => (required.includes(one) ? `${one} (needed)` : one));
    return `${name}\n  ${title}\n  ${own.join(", ")}`;
  });
  return { json: { items: all }, text: text.join("\n\n") };
}

async function fromApi({ name }: NamedQuery, parameters: object): Promise<Answered> {
  const { loadContext } = await import("../context.ts");
  const { createClient } = await import("../client.ts");
  const { gatewaySession } = await import("../session.ts");
  const context = loadContext(process.env);
  const client = createClient(context, async () => (await gatewaySession(context, process.env)).token);
  try {
    const path = `/v1alpha1/queries/${encodeURIComponent(name)}`;
    const answer = (await client.request("POST", path, { body: { parameters } })) as Partial<Answered>;
    return { items: answer.items ?? [], more: answer.more === true };
  } finally {
    await client.close();
  }
}

async function fromStore(file: string, query: NamedQuery, parameters: object): Promise<Answered> {
  const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
  const { openStoreReader } = await import("../../audit/store/open.ts");
  const config = loadGatewayConfig(file);
  const store = await openStoreReader(config.audit.store);
  try {
    return await query.ask(store, config.tenant, parameters);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw new UserError(error.message, { exitCode: 2, cause: error, next: "See `sallyport audit query`." });
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
