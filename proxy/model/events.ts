import type { EventDraft, EventKind } from "../../audit/event.ts";
import type { Refusal } from "../../base/errors.ts";
import { nowMs, revisionOf } from "../events.ts";
import { modelClaims } from "./claims.ts";
import type { ModelKnown } from "./exchange.ts";

export function claimsOf({ req, asked }: ModelKnown): Record<string, string> {
  const claims = modelClaims(req.headers);
  if (asked?.userId !== undefined) claims.user_id = asked.userId.slice(0, 256);
  return claims;
}

/** What every event of a request to a model says, from whatever is known of it by then. */
export function modelEvent(exchange: ModelKnown, kind: EventKind): EventDraft {
  const { identity, session, decision, endpoint, promptId } = exchange;
  const event: EventDraft = {
    kind,
    session_id: session?.id ?? "anonymous",
    at_ms: nowMs(),
    exchange_id: exchange.id,
    connection: exchange.connection.name,
    source_ip: exchange.sourceIP,
    user_agent: (exchange.req.headers["user-agent"] ?? "").slice(0, 512),
    verb: (exchange.req.method ?? "").toLowerCase(),
    resource: endpoint?.name ?? "",
    // Before the request was searched its model's name may be a secret like any other text of it.
    name: exchange.redacted === undefined ? "" : (exchange.asked?.model.slice(0, 256) ?? ""),
    path: (exchange.target.split("?", 1)[0] ?? "").slice(0, 2048),
  };
  if (promptId !== undefined) event.prompt_id = promptId;
  if (identity !== undefined) {
    event.issuer = identity.issuer;
    event.username = identity.username;
    event.groups = identity.groups;
  }
  if (decision !== undefined) {
    event.effect = decision.effect;
    event.rules = decision.findings.map(({ rule }) => rule);
    event.record_level = decision.record;
    event.revision = revisionOf(decision);
  }
  return event;
}

export function refusedModelEvent(exchange: ModelKnown, refusal: Refusal): EventDraft {
  const event = modelEvent(exchange, "request.refused");
  event.status = refusal.status;
  event.duration_us = elapsedUs(exchange);
  event.effect = "deny";
  event.rules = (refusal.details.causes ?? [{ rule: `request/${refusal.code}` }]).map(({ rule }) => rule);
  event.payload = {
    code: refusal.code,
    message: refusal.message,
    ...(refusal.details.decisionId === undefined ? {} : { decisionId: refusal.details.decisionId }),
    forwarded: exchange.sent === true,
  };
  return event;
}

export function elapsedUs({ startedAt }: ModelKnown): number {
  return Math.max(0, Math.round((nowMs() - startedAt) * 1000));
}
