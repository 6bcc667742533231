import { VERB_METHODS } from "../../base/verb-methods.ts";
import type { EventRow } from "../event.ts";
import { eventTime } from "../event-time.ts";
import { payloadOf } from "../stream-frames.ts";

/** One request with what came of it, joined from its events. */
export interface RecordedExchange {
  /** The event that ended it: request.outcome or request.refused; request.intent where no end is on record. */
  event: EventRow;
  end: "answered" | "refused" | "unknown";
  payload: Record<string, unknown>;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  /** Milliseconds from its arrival to its end; 0 where no end is on record. */
  duration: number;
  /** SHA-256 of the contents kept, or "". */
  requestBody: string;
  responseBody: string;
  requestBytes: number;
}

/** A gateway has far fewer requests under way in one session: past it, the oldest intent counts as one without an end. */
const UNDER_WAY = 20_000;

/**
 * The exchanges of `events`, which stand in the order of their chains: each when its end comes, and those without an
 * end (`unknown`) after the others of their session: a request may begin in one chain and end in the next, since a recorder
 * that was started again writes another. An intent keeps its payload only until its end is known.
 */
export async function* exchangesOf(events: AsyncIterable<EventRow>): AsyncGenerator<RecordedExchange, void> {
  const intents = new Map<string, EventRow>();
  let session = "";
  for await (const event of events) {
    if (event.session_id !== session) {
      yield* unknownOnes(intents);
      session = event.session_id;
    }
    if (event.exchange_id === "") continue;
    if (event.kind === "request.intent") {
      const [oldest] = intents;
      if (oldest !== undefined && intents.size >= UNDER_WAY) {
        intents.delete(oldest[0]);
        yield joined(oldest[1], undefined, "unknown");
      }
      intents.set(event.exchange_id, event);
    } else if (event.kind === "request.outcome" || event.kind === "request.refused") {
      const intent = intents.get(event.exchange_id);
      intents.delete(event.exchange_id);
      yield joined(event, intent, event.kind === "request.outcome" ? "answered" : "refused");
    }
  }
  yield* unknownOnes(intents);
}

function* unknownOnes(intents: Map<string, EventRow>): Generator<RecordedExchange> {
  for (const intent of intents.values()) yield joined(intent, undefined, "unknown");
  intents.clear();
}

function joined(event: EventRow, intent: EventRow | undefined, end: RecordedExchange["end"]): RecordedExchange {
  const endedAt = eventTime(event);
  const duration = end === "unknown" ? 0 : Number(event.duration_us) / 1000;
  return {
    event,
    end,
    payload: payloadOf(event),
    startedAt: endedAt - duration,
    endedAt,
    duration,
    requestBody: event.request_body || (intent?.request_body ?? ""),
    responseBody: event.response_body,
    requestBytes: Number(event.request_bytes) || Number(intent?.request_bytes ?? 0),
  };
}

const OTHER_METHODS = new Set(["POST", "PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT"]);

/**
 * The HTTP method that the API server's verb stands for (of a non-resource request it is its verb already), or
 * undefined: what was refused at the door is not on record with one.
 */
export function methodOf({ event }: Pick<RecordedExchange, "event">): string | undefined {
  const method = VERB_METHODS[event.verb] ?? event.verb.toUpperCase();
  return Object.hasOwn(VERB_METHODS, event.verb) || OTHER_METHODS.has(method) ? method : undefined;
}

/** An object of what is recorded, `{}` where it is none: a row may have been edited. */
export function objectIn(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A text of what is recorded, or "". */
export function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** `request` of policy's question, where it is on record. */
export function questionOf({ payload }: Pick<RecordedExchange, "payload">): Record<string, unknown> {
  return objectIn(objectIn(payload.input).request);
}

/** The query as it was asked: [name, value], where it is on record. */
export function queryOf(exchange: Pick<RecordedExchange, "payload">): [string, string][] {
  return Object.entries(objectIn(questionOf(exchange).query)).flatMap(([name, values]) =>
    Array.isArray(values) ? values.map((value): [string, string] => [name, String(value)]) : [],
  );
}

/** Path and query. Without the question on record, the path alone. */
export function requestUriOf(exchange: Pick<RecordedExchange, "event" | "payload">): string {
  const query = queryTextOf(exchange);
  return query === "" ? exchange.event.path : `${exchange.event.path}?${query}`;
}

export function queryTextOf(exchange: Pick<RecordedExchange, "payload">): string {
  return new URLSearchParams(queryOf(exchange)).toString();
}

export interface RecordedFinding {
  rule: string;
  effect: string;
  severity: string;
  message: string;
}

export function findingsOf({ payload }: Pick<RecordedExchange, "payload">): RecordedFinding[] {
  if (!Array.isArray(payload.findings)) return [];
  return payload.findings.map(objectIn).map(({ rule, effect, severity, message }) => ({
    rule: textIn(rule),
    effect: textIn(effect),
    severity: textIn(severity),
    message: textIn(message),
  }));
}

const LATEST_MS = 8.64e15;

/** RFC 3339 with milliseconds. A duration that somebody edited may lead out of what a Date holds: its end is taken then. */
export function isoTime(ms: number): string {
  return new Date(Math.min(LATEST_MS, Math.max(0, ms))).toISOString();
}

/** RFC 3339 with microseconds, as the row has it: `2026-11-22T10:00:00.123456Z`. */
export function microTime(at: string): string {
  return `${at.slice(0, 10)}T${at.slice(11, 26).padEnd(15, "0")}Z`;
}
