import { shellWords } from "../base/shell-words.ts";
import { describeDialogue } from "./describe-dialogue.ts";
import type { EventRow } from "./event.ts";
import { execStart, streamEnd } from "./exec.ts";
import { harmless } from "./harmless.ts";
import { payloadOf } from "./stream-frames.ts";

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

/** What an event says, as lines that are safe to print: the first one by itself, the rest beneath it. */
export function describeEvent(event: EventRow): string[] {
  const payload: Payload = payloadOf(event);
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
      return [`${who} asked: ${what}`, ...ran(event), ...decided(event, payload), "  on record before it is forwarded"];
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
      return [`held for approval ${approval}: ${what}`, ...ran(event), ...decided(event, payload), ...link(payload)];
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
    case "stream.closed":
      return [ended(event, payload), ...bytesOf(payload)];
    case "read":
      return [`${who} read this record${payload.follow === true ? ", and followed it" : ""}`];
    case "checkpoint":
      return ["the heads of the chains were signed"];
    case "dialogue.prompt":
    case "dialogue.reply":
    case "dialogue.tool_use":
    case "dialogue.tool_result":
      return describeDialogue(event);
    default:
      return [`${harmless(event.kind)}${said(":", payload.message ?? payload.reason)}`];
  }
}

/** What an exec runs. */
function ran(event: EventRow): string[] {
  const { command, container, tty } = execStart(event);
  if (command === undefined) return [];
  const inside = container === "" ? "" : ` in container ${harmless(container)}`;
  return [`  runs ${harmless(shellWords(command))}${inside}${tty === true ? ", on a terminal" : ""}`];
}

function ended(event: EventRow, payload: Payload): string {
  const { exitCode, reason } = streamEnd(event);
  const what = harmless(`${event.subresource || "stream"} in ${event.namespace}/${event.name}`);
  if (exitCode !== undefined) return `${what} ended with exit code ${exitCode}`;
  return `${what} ended${said(":", payload.error ?? reason)}`;
}

function bytesOf({ bytes }: Payload): string[] {
  if (typeof bytes !== "object" || bytes === null) return [];
  const parts = Object.entries(bytes).map(([channel, count]) => `${harmless(channel)} ${harmless(String(count))}`);
  return parts.length === 0 ? [] : [`  bytes: ${parts.join(", ")}`];
}

function approvers(payload: Payload, who: string): string {
  const named: unknown[] = Array.isArray(payload.approvers) ? payload.approvers : [];
  return named.map((name) => harmless(String(name))).join(", ") || who;
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
  const findings = Array.isArray(payload.findings)
    ? payload.findings.filter((one) => typeof one === "object" && one)
    : [];
  const lines = findings.map(
    (finding) =>
      `  ${harmless(String(finding.effect ?? event.effect))} by ${harmless(String(finding.rule ?? "?"))}${said(":", finding.message)}${said(" (lifted by", finding.exception)}${finding.exception ? ")" : ""}`,
  );
  if (lines.length === 0 && event.rules.length > 0)
    lines.push(harmless(`  ${event.effect} by ${event.rules.join(", ")}`));
  if (event.approval_id !== "" && event.kind !== "hold.opened")
    lines.push(`  under approval ${harmless(event.approval_id)}`);
  return lines;
}

function link(payload: Payload): string[] {
  return typeof payload.url === "string" && payload.url !== "" ? [`  ${harmless(payload.url)}`] : [];
}
