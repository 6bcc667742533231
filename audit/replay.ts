import type { EventRow } from "./event.ts";
import { harmless, harmlessLines } from "./harmless.ts";

export interface ReplayLine {
  /** Milliseconds since the epoch, of the event: what a paced replay waits by. */
  at: number;
  text: string;
  event: EventRow;
}

export interface ReplayOptions {
  /** Fetches recorded content by its SHA-256; bodies are left out where absent. */
  body?(sha256: string): Promise<Buffer | undefined>;
  /** Lines of a body that are shown at most. */
  bodyLines?: number;
}

/** What happened in a session, for a person at a terminal, in the order of `events`. Text is safe to print. */
export async function* replay(
  events: Iterable<EventRow> | AsyncIterable<EventRow>,
  options: ReplayOptions = {},
): AsyncGenerator<ReplayLine> {
  for await (const event of events) {
    const at = eventTime(event);
    const [head, ...rest] = describe(event);
    const clock = event.at.slice(11, 23);
    yield { at, text: `${clock}  ${head ?? ""}`, event };
    for (const text of rest) yield { at, text: `${" ".repeat(14)}${text}`, event };
    for (const text of await bodies(event, options)) yield { at, text: `${" ".repeat(14)}${text}`, event };
  }
}

/** Milliseconds since the epoch, with a fraction. */
export function eventTime(event: Pick<EventRow, "at">): number {
  return Date.parse(`${event.at.slice(0, 10)}T${event.at.slice(11, 23)}Z`) + Number(event.at.slice(23)) / 1000;
}

interface Payload {
  code?: string;
  message?: string;
  reason?: string;
  agent?: string;
  url?: string;
  why?: string;
  approvers?: string[];
  findings?: { rule?: string; effect?: string; message?: string; exception?: string }[];
  [key: string]: unknown;
}

function describe(event: EventRow): string[] {
  const payload = parsePayload(event.payload);
  const who = harmless(event.username || "somebody unknown");
  const what = operation(event);
  const approval = harmless(event.approval_id);
  switch (event.kind) {
    case "session.opened":
      return [`session opened by ${who}${said(", agent", payload.agent)}${said(", because", payload.reason)}`];
    case "session.closed":
      return ["session closed"];
    case "session.killed":
      return [`session killed${said(" by", payload.by)}${said(", because", payload.reason)}`];
    case "request.intent":
      return [`${who} asked: ${what}`, ...decided(event, payload), "  on record before it is forwarded"];
    case "request.refused":
      return [
        `${who} asked: ${what}`,
        ...decided(event, payload),
        `  refused${event.status > 0 ? ` with ${event.status}` : ""}${said(":", payload.code)}${said(",", payload.message)}`,
      ];
    case "request.outcome":
      return [
        `${who} ${what}`,
        ...decided(event, payload),
        `  answered ${event.status} in ${(event.duration_us / 1000).toFixed(1)} ms, ${event.response_bytes} bytes${
          event.masked_fields.length === 0 ? "" : `; masked ${event.masked_fields.map(harmless).join(", ")}`
        }`,
      ];
    case "request.shadow":
      return [
        `beside it, a candidate policy said${said("", candidateEffect(payload))} to ${what}, and nothing came of that`,
      ];
    case "outcome.mismatch":
      return [`what was stored is not what was judged: ${what}${said(",", payload.message)}`];
    case "gather":
      return [`the gateway looked up ${what}: ${event.status}`];
    case "hold.opened":
      return [`held for approval ${approval}: ${what}`, ...decided(event, payload), ...link(payload)];
    case "hold.reattached":
      return [`waits again for approval ${approval}: ${what}`];
    case "hold.timed_out":
      return [`nobody decided on ${approval} in time`, ...link(payload)];
    case "approval.approved":
    case "approval.denied":
    case "approval.revoked":
    case "approval.cancelled":
      return [`${approval} ${event.kind.slice(9)} by ${approvers(payload, who)}${said(":", payload.reason)}`];
    case "approval.expired":
      return [`${approval} expired`];
    case "approval.consumed":
      return [`${approval} was used`];
    case "break_glass.used":
      return [`${approvers(payload, who)} broke the glass for ${approval || what}${said(":", payload.reason)}`];
    case "break_glass.reviewed":
      return [
        `break-glass ${approval} ${harmless(String(payload.verdict))} by ${approvers(payload, who)}${said(":", payload.reason)}`,
      ];
    case "recorder.gap":
      return [`the record has a gap here${said(":", payload.why ?? payload.state)}`];
    case "recorder.torn":
      return [`the record was torn here${said(":", payload.why)}`];
    case "read":
      return [`${who} read this record`];
    default:
      return [`${event.kind}${said(":", payload.message ?? payload.reason)}`];
  }
}

function approvers(payload: Payload, who: string): string {
  return (payload.approvers ?? []).map((name) => harmless(String(name))).join(", ") || who;
}

function candidateEffect({ shadow }: Payload): unknown {
  return typeof shadow === "object" && shadow !== null && "effect" in shadow ? shadow.effect : undefined;
}

/** ` label text`, or nothing. */
function said(label: string, text: unknown): string {
  return typeof text === "string" && text !== "" ? `${label} ${harmless(text)}` : "";
}

/** `create deployments.apps/scale payments/api on prod`. */
function operation(event: EventRow): string {
  const resource = event.resource === "" ? event.path : event.resource + (event.api_group && `.${event.api_group}`);
  const object = [event.namespace, event.name].filter((part) => part !== "").join("/");
  const sub = event.subresource === "" ? "" : `/${event.subresource}`;
  return harmless(
    [event.verb, resource + sub, object, event.connection && `on ${event.connection}`].filter(Boolean).join(" "),
  );
}

function decided(event: EventRow, payload: Payload): string[] {
  const lines = (Array.isArray(payload.findings) ? payload.findings : []).map(
    (finding) =>
      `  ${harmless(String(finding.effect ?? event.effect))} by ${harmless(String(finding.rule ?? "?"))}${said(":", finding.message)}${said(" (lifted by", finding.exception)}${finding.exception ? ")" : ""}`,
  );
  if (lines.length === 0 && event.rules.length > 0)
    lines.push(`  ${event.effect} by ${event.rules.map(harmless).join(", ")}`);
  if (event.approval_id !== "" && event.kind !== "hold.opened")
    lines.push(`  under approval ${harmless(event.approval_id)}`);
  return lines;
}

function link(payload: Payload): string[] {
  return typeof payload.url === "string" && payload.url !== "" ? [`  ${harmless(payload.url)}`] : [];
}

function parsePayload(text: string): Payload {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" ? (value as Payload) : {};
  } catch {
    return {}; // an altered row is still shown; verifying the chain is what tells that it was
  }
}

async function bodies(event: EventRow, options: ReplayOptions): Promise<string[]> {
  if (options.body === undefined) return [];
  const lines: string[] = [];
  for (const [mark, digest] of [
    [">", event.request_body],
    ["<", event.response_body],
  ] as const) {
    if (digest === "") continue;
    const content = await options.body(digest);
    if (content === undefined) {
      lines.push(`  ${mark} (content ${harmless(digest.slice(0, 12))} is not in the store)`);
      continue;
    }
    const all = harmlessLines(content.toString("utf8").replace(/\n$/, ""));
    const most = options.bodyLines ?? 40;
    lines.push(...all.slice(0, most).map((line) => `  ${mark} ${line}`));
    if (all.length > most) lines.push(`  ${mark} (${all.length - most} more lines)`);
  }
  return lines;
}
