import type { Deps } from "./deps.ts";
import type { Classified, ReadBody } from "./exchange.ts";
import { bodyLength } from "./http.ts";
import { clusterClaims } from "./model/claims.ts";
import type { Link, LinkedRequest } from "./model/link.ts";

/**
 * Says which tool call a request comes of, as of now: that may have come back by the time that the body is read, or the
 * request is answered. A delete's options and a create's name stand in the body. Until it is read the record says no more than
 * is known, and policy is told the most that may come of it: what is denied then is denied whatever the body says.
 */
export function linkDialogue(exchange: Classified, deps: Pick<Deps, "dialogues">): void {
  const { session, attributes, input, req } = exchange;
  const open = deps.dialogues.open(session.id);
  if (open === undefined) return;
  const request = linkedRequest(exchange);
  const found = (more: Partial<LinkedRequest>): Link | undefined =>
    deps.dialogues.link(session.id, { ...request, ...more }, () => clusterClaims(req.headers), open);
  const say = (link: Pick<Link, "promptId" | "toolUseId" | "model" | "strength"> | undefined): void => {
    if (link === undefined || link.promptId === "") delete input.dialogue;
    else {
      const { promptId, toolUseId, model, strength } = link;
      input.dialogue = { promptId, toolUseId, model, strength };
    }
  };
  const deletes = attributes.operation === "DELETE";
  const creates = attributes.verb === "create" && attributes.subResource === "";
  if (!(deletes || creates) || bodyLength(req) === 0) {
    exchange.link = found({ dryRun: attributes.dryRun, made: "" });
    say(exchange.link);
    return;
  }
  const known = deletes ? {} : { dryRun: attributes.dryRun };
  exchange.link = found(known);
  const ahead = found({ ...known, ahead: true });
  const [first] = ahead?.candidates ?? [];
  say(ahead === undefined || first === undefined ? ahead : { ...ahead, toolUseId: first, strength: "exact" });
  exchange.linkAgain = (body) => {
    exchange.linkAgain = undefined;
    if (body !== null) exchange.link = found({ dryRun: input.request.dryRun, made: nameIn(body) });
    say(exchange.link);
  };
}

function linkedRequest({ attributes, connection }: Classified): LinkedRequest {
  const { verb, group, resource, subResource, namespace, name, nonResource, labelSelector, fieldSelector } = attributes;
  return {
    ...{ verb, group, resource, subResource, namespace, name, nonResource, labelSelector, fieldSelector },
    connection: connection.name,
    ...(attributes.exec === undefined ? {} : { exec: attributes.exec }),
  };
}

function nameIn({ object }: ReadBody): string {
  const { name } = (object?.metadata ?? {}) as { name?: unknown };
  return typeof name === "string" ? name : "";
}
