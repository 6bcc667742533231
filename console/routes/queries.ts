import type { FastifyInstance } from "fastify";
import { adHocSql, isAway, isOverLimits } from "../../audit/questions/ad-hoc-sql.ts";
import { namedQueries } from "../../audit/questions/named-queries.ts";
import { type NamedQuery, ParameterError } from "../../audit/questions/question.ts";
import { StoreError } from "../../audit/store/store-error.ts";
import { Refusal } from "../../base/errors.ts";
import { notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { checkAuditor, recordRead } from "../evidence-access.ts";
import { answers, BEARER, json, ROWS } from "../evidence-schemas.ts";

const TAGS = ["evidence"];
const ANSWERS = answers(
  json("The rows; `more`: there are others, which the limit left out.", ROWS),
  [400, 401, 403, 429, 503],
);

/** Questions of auditors to the whole record: a path each, so that the API's description has each one's parameters. */
export function queryRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  for (const query of Object.values(namedQueries)) {
    app.post<{ Body: { parameters?: Record<string, unknown> } | undefined }>(
      `/v1alpha1/queries/${query.name}`,
      { schema: { summary: query.title, tags: TAGS, security: BEARER, body: bodyOf(query), response: ANSWERS } },
      async (request) => {
        const caller = await reader(deps, request);
        checkAuditor(caller.identity);
        const parameters = request.body?.parameters ?? {};
        await recordRead(deps, caller, { what: "query", name: query.name, parameters });
        const { items, more } = await query.ask(deps.reader, deps.config.tenant, parameters).catch(badParameters);
        return { items, more, continue: "" };
      },
    );
  }
  app.post<{ Body: { parameters: { sql: string } } }>(
    "/v1alpha1/queries/sql",
    { schema: { summary: adHocSql.title, tags: TAGS, security: BEARER, body: bodyOf(adHocSql), response: ANSWERS } },
    async (request) => {
      const caller = await reader(deps, request);
      checkAuditor(caller.identity);
      const { parameters } = request.body;
      await recordRead(deps, caller, { what: "query", name: "sql", parameters });
      const { items, more } = await adHocSql
        .ask(deps.reader, deps.config.tenant, parameters)
        .catch(badSql)
        .catch(badParameters);
      return { items, more, continue: "" };
    },
  );
  app.post("/v1alpha1/queries/:name", { schema: { hide: true } }, async (request) => {
    checkAuditor((await reader(deps, request)).identity);
    throw notThere();
  });
}

function bodyOf({ parameters }: Pick<NamedQuery, "parameters">): object {
  return {
    type: "object",
    properties: { parameters },
    ...(parameters.required === undefined ? {} : { required: ["parameters"] }),
    additionalProperties: false,
  };
}

/** What is wrong with somebody's SQL is theirs to hear; a store that is away is not. */
function badSql(error: unknown): never {
  if (!(error instanceof StoreError)) throw error;
  if (isAway(error)) {
    throw new Refusal("recorder-unavailable", "the record cannot be read now", {
      next: "Try again later; the operator of the gateway sees the reason in its log.",
      cause: error,
    });
  }
  throw new Refusal(isOverLimits(error) ? "too-many" : "bad-request", error.message, {
    next: isOverLimits(error)
      ? "Ask for less: a shorter period, fewer columns."
      : "See docs/dashboards.md for the views.",
  });
}

/** What the JSON schema let pass, and the question does not take. */
function badParameters(error: unknown): never {
  throw error instanceof ParameterError ? new Refusal("bad-request", error.message) : error;
}
