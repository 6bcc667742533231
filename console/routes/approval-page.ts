import type { FastifyInstance, FastifyReply } from "fastify";
import { Refusal } from "../../base/errors.ts";
import { approvalPage, errorPage, PAGE_CSP } from "../approval-page.ts";
import { fullView, maySee, publicView } from "../approval-view.ts";
import { notThere, readerIfAny } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

/**
 * The URL in a 403. Without a token it shows the state and the rules: whoever has the URL has been told that
 * much, and a name (64 bits of an HMAC) is not guessed. With one, who asked and who can decide see all of it.
 */
export function approvalPageRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get<{ Params: { name: string } }>(
    "/approvals/:name",
    { schema: { summary: "An approval as a page, or as JSON by Accept", tags: ["approvals"] } },
    async (request, reply) => {
      const page = !wantsJson(request.headers.accept ?? "");
      try {
        const reader = await readerIfAny(deps, request);
        const approval = await deps.approvals.get(request.params.name);
        if (approval === undefined) throw notThere();
        const all = reader !== undefined && maySee(approval, reader.identity);
        const view = (all ? fullView : publicView)(approval, deps.config.listen.url);
        return page ? sendPage(reply, 200, approvalPage(view, deps.config.policy?.docsUrl)) : view;
      } catch (error) {
        if (!page || !(error instanceof Refusal)) throw error;
        return sendPage(reply, error.status, errorPage("Not shown", `${error.message}. ${error.details.next ?? ""}`));
      }
    },
  );
}

function sendPage(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header("content-security-policy", PAGE_CSP).type("text/html; charset=utf-8").send(text);
}

/** JSON where it is named before HTML; a client that takes anything is a terminal more often than a browser. */
function wantsJson(accept: string): boolean {
  const [json, html] = [accept.indexOf("json"), accept.indexOf("text/html")];
  return html === -1 || (json !== -1 && json < html);
}
