import type { FastifyInstance } from "fastify";
import { namedQueries } from "../../audit/queries.ts";
import { notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { checkAuditor, recordRead } from "../evidence-access.ts";
import { PERIOD, type PeriodParameters, periodOf } from "../period-parameters.ts";

/** Questions of auditors to the whole record. */
export function queryRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.post<{ Params: { name: string }; Body: { parameters?: PeriodParameters } | undefined }>(
    "/v1alpha1/queries/:name",
    {
      schema: {
        summary: `A named question of auditors: ${Object.keys(namedQueries).join(", ")}`,
        tags: ["evidence"],
        body: {
          type: "object",
          properties: { parameters: { type: "object", properties: PERIOD, additionalProperties: false } },
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const caller = await reader(deps, request);
      checkAuditor(caller.identity);
      const { name } = request.params;
      const query = Object.hasOwn(namedQueries, name) ? namedQueries[name] : undefined;
      if (query === undefined) throw notThere();
      const parameters = request.body?.parameters ?? {};
      await recordRead(deps, caller, { what: "query", name, parameters });
      return { items: await query.run(deps.reader, deps.config.tenant, periodOf(parameters)), continue: "" };
    },
  );
}
