import { adHocSql } from "../../audit/questions/ad-hoc-sql.ts";
import { namedQueries, namedQuery } from "../../audit/questions/named-queries.ts";
import { type Answered, type NamedQuery, ParameterError, type Row } from "../../audit/questions/question.ts";
import type { QuestionReader, StoreReader } from "../../audit/store/store.ts";
import { StoreError } from "../../audit/store/store-error.ts";
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
  return answerOf(query, parametersOf(query, options, Date.now()), options.config);
}

/** Answers SQL of the caller's own, in the same two ways. */
export async function askSql(
  name: string | undefined,
  { config, limit, since, until, param = [], sql }: QueryOptions & { sql: string },
): Promise<Answer> {
  if (name !== undefined || since !== undefined || until !== undefined || param.length > 0) {
    throw new UserError("--sql is a question by itself: it goes with --limit and --config only", {
      exitCode: 2,
      next: "Say the period in the SQL: WHERE at >= now() - INTERVAL 1 DAY.",
    });
  }
  const parameters = { sql, ...parametersOf(adHocSql, limit === undefined ? {} : { limit }, Date.now(), ["sql"]) };
  return answerOf(adHocSql, parameters, config);
}

type Question = Pick<NamedQuery, "name"> & {
  ask(store: StoreReader & QuestionReader, tenant: string, parameters: unknown): Promise<Answered>;
};

async function answerOf(query: Question, parameters: object, config: string | undefined): Promise<Answer> {
  const { items, more } =
    config === undefined ? await fromApi(query, parameters) : await fromStore(config, query, parameters);
  if (more) {
    process.stderr.write(
      `These are the first ${items.length} rows, and there are more: raise --limit, or shorten the period.\n`,
    );
  }
  return { json: { items, more }, text: renderRows(items, { whole: query === adHocSql }) };
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

async function fromApi({ name }: Question, parameters: object): Promise<Answered> {
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

async function fromStore(file: string, query: Question, parameters: object): Promise<Answered> {
  const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
  const { openRevealingReader } = await import("../../audit/personal/open-keys.ts");
  const config = loadGatewayConfig(file);
  const store = await openRevealingReader(config.audit, config.tenant);
  try {
    return await query.ask(store, config.tenant, parameters);
  } catch (error) {
    if (!(error instanceof ParameterError || error instanceof StoreError)) throw error;
    throw new UserError(error.message, { exitCode: 2, cause: error, next: "See `sallyport audit query`." });
  } finally {
    await store.close();
  }
}

/**
 * Rows as blocks of `name: value`: a table of twenty columns fits no terminal. A named question's rows come without what
 * is empty; who wrote the SQL asked for each column, and a count of 0 is an answer.
 */
export function renderRows(rows: readonly Row[], { whole = false } = {}): string {
  if (rows.length === 0) return "nothing on record";
  return rows
    .map((row) =>
      Object.entries(row)
        .filter(([, value]) => whole || !(value === "" || value === 0 || (Array.isArray(value) && value.length === 0)))
        .map(([key, value]) => `${printable(key)}: ${printable(shown(value))}`)
        .join("\n"),
    )
    .join("\n\n");
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
