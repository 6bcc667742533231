import type { EventDraft, EventKind } from "../audit/event.ts";
import type { Refusal } from "../base/errors.ts";
import type { Decision } from "../engine/decision.ts";
import type { Known } from "./exchange.ts";
import type { HttpRequest } from "./http.ts";

/** Now, in milliseconds since the epoch with a fraction. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

export function revisionOf(decision: Decision): string {
  return `${decision.revision.bundle}/${decision.revision.guardrails}`;
}

/** What every event of an exchange says, from whatever is known of it by then. */
export function exchangeEvent(exchange: Known, kind: EventKind): EventDraft {
  const { identity, session, attributes, input } = exchange;
  const decision = exchange.decision ?? exchange.verdict;
  const event: EventDraft = {
    kind,
    session_id: session?.id ?? "anonymous",
    at_ms: nowMs(),
    exchange_id: exchange.id,
    connection: exchange.connection?.name ?? "",
    source_ip: exchange.sourceIP,
    user_agent: (exchange.req.headers["user-agent"] ?? "").slice(0, 512),
  };
  if (identity !== undefined) {
    event.issuer = identity.issuer;
    event.username = identity.username;
    event.groups = identity.groups;
  }
  if (attributes !== undefined) {
    event.verb = attributes.verb;
    event.api_group = attributes.group;
    event.resource = attributes.resource;
    event.subresource = attributes.subResource;
    event.namespace = attributes.namespace;
    // A create names its object in the body.
    event.name = input?.request.name ?? attributes.name;
    event.path = attributes.path;
  } else {
    event.path = (exchange.target.split("?", 1)[0] ?? "").slice(0, 2048);
  }
  if (input !== undefined && input.request.digest !== "") event.digest = input.request.digest;
  if (decision !== undefined) {
    event.effect = decision.effect;
    event.rules = decision.findings.map((finding) => finding.rule);
    event.record_level = decision.record;
    event.revision = revisionOf(decision);
  }
  if (exchange.link !== undefined) {
    event.prompt_id = exchange.link.promptId;
    event.tool_use_id = exchange.link.toolUseId;
  }
  if (exchange.use !== undefined) event.approval_id = exchange.use.approval;
  if (exchange.use?.breakGlass === true) event.break_glass = true;
  return event;
}

/** How sure it is which tool call a request comes of; the call and its prompt are columns. */
function linkPayload({ link }: Known): Record<string, unknown> {
  if (link === undefined) return {};
  const { strength, candidates, claims } = link;
  return {
    link: {
      strength,
      ...(candidates === undefined ? {} : { candidates }),
      ...(claims === undefined ? {} : { claims }),
    },
  };
}

/** The part of a payload that says how it was decided: the id that refusals and `decisions show` name. */
export function decisionPayload(exchange: Known): Record<string, unknown> {
  const decision = exchange.decision ?? exchange.verdict;
  if (decision === undefined) return linkPayload(exchange);
  return {
    ...linkPayload(exchange),
    decisionId: decision.decisionId,
    findings: decision.findings.map(({ ids: _ids, absolute, ...finding }) => ({
      ...finding,
      // Who asks for an exception afterwards is told that none would lift it.
      ...(absolute ? { absolute } : {}),
    })),
  };
}

export function durationUs(exchange: Known): number {
  return Math.max(0, Math.round((nowMs() - exchange.startedAt) * 1000));
}

/** `request.refused`, with the code and the causes; `status` is what the caller saw. */
export function refusedEvent(exchange: Known, refusal: Refusal, status: number): EventDraft {
  const event = exchangeEvent(exchange, "request.refused");
  event.status = status;
  event.duration_us = durationUs(exchange);
  event.effect = "deny";
  event.rules = (refusal.details.causes ?? [{ rule: `request/${refusal.code}` }]).map((cause) => cause.rule);
  if (refusal.details.approvalName !== undefined) event.approval_id = refusal.details.approvalName;
  event.payload = {
    ...decisionPayload(exchange),
    code: refusal.code,
    message: refusal.message,
    dryRun: exchange.input?.request.dryRun ?? false,
    ...(refusal.details.decisionId === undefined ? {} : { decisionId: refusal.details.decisionId }),
    forwarded: exchange.sent === true,
  };
  return event;
}

/** `request.refused` of what never became an exchange: no path, a gateway that drains. */
export function turnedAwayEvent(req: HttpRequest, id: string, refusal: Refusal): EventDraft {
  return {
    kind: "request.refused",
    session_id: "anonymous",
    at_ms: nowMs(),
    exchange_id: id,
    path: ((req.url ?? "").split("?", 1)[0] ?? "").slice(0, 2048),
    status: refusal.status,
    effect: "deny",
    rules: [`request/${refusal.code}`],
    source_ip: req.socket.remoteAddress ?? "",
    user_agent: (req.headers["user-agent"] ?? "").slice(0, 512),
    payload: { code: refusal.code, message: refusal.message, forwarded: false },
  };
}

/** The payload of what goes or went upstream; each attempt after the first names the exchange that it is one of. */
export function forwardedPayload(exchange: Known): Record<string, unknown> {
  return {
    ...decisionPayload(exchange),
    forwarded: true,
    ...(exchange.cut === undefined ? {} : { cut: exchange.cut }),
    dryRun: exchange.input?.request.dryRun ?? false,
    ...(exchange.id === exchange.firstId ? {} : { retryOf: exchange.firstId }),
  };
}

/** `request.outcome`: what every answer of the API server to a forwarded request is on record with. */
export function outcomeEvent(exchange: Known, status: number): EventDraft {
  const event = exchangeEvent(exchange, "request.outcome");
  event.status = status;
  event.duration_us = durationUs(exchange);
  event.request_bytes = exchange.body?.bytes.length ?? 0;
  event.payload = forwardedPayload(exchange);
  return event;
}
