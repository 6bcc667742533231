import type { EventRow } from "../event.ts";
import { readableEvents } from "../event-pages.ts";
import { asJsonObject, contentOf } from "./contents.ts";
import {
  exchangesOf,
  isoTime,
  microTime,
  objectIn,
  questionOf,
  type RecordedExchange,
  requestUriOf,
  textIn,
} from "./exchanges.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

/**
 * `audit.k8s.io/v1` Events, one a line, as the API server's own log backend writes them (kubernetes/apiserver
 * pkg/apis/audit/v1). `auditID` is the one that the API server was sent, so both logs join by it; `user` is who asked
 * the gateway. What never reached the API server is here too: the annotation `sallyport.dev/forwarded` says which.
 */
export async function* writeKubernetesAudit(job: ExportJob): ExportBytes {
  for await (const exchange of exchangesOf(readableEvents(job))) {
    yield `${await auditEvent(exchange, job)}\n`;
  }
}

const LEVELS = new Set(["Metadata", "Request", "RequestResponse"]);

async function auditEvent(exchange: RecordedExchange, job: ExportJob): Promise<string> {
  const { event, end } = exchange;
  const head = {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: LEVELS.has(event.record_level) ? event.record_level : "Metadata",
    auditID: event.exchange_id,
    stage: end === "unknown" ? "RequestReceived" : "ResponseComplete",
    requestURI: requestUriOf(exchange),
    verb: event.verb,
    user: userOf(exchange),
    ...(event.source_ip === "" ? {} : { sourceIPs: [event.source_ip] }),
    ...(event.user_agent === "" ? {} : { userAgent: event.user_agent }),
    ...(event.resource === "" ? {} : { objectRef: objectRef(exchange) }),
    ...(end === "unknown" ? {} : { responseStatus: responseStatus(exchange) }),
    requestReceivedTimestamp: isoTime(exchange.startedAt).replace("Z", "000Z"),
    stageTimestamp: microTime(event.at),
    annotations: annotationsOf(exchange),
  };
  // Objects stand as they were sent: parsed and written again, an int64 could come out as its neighbour.
  let text = JSON.stringify(head).slice(0, -1);
  for (const [name, sha256] of [
    ["requestObject", exchange.requestBody],
    ["responseObject", exchange.responseBody],
  ] as const) {
    const object = event.resource === "" ? undefined : await recordedObject(job, sha256);
    if (object !== undefined) text += `,"${name}":${object}`;
  }
  return `${text}}`;
}

async function recordedObject(job: ExportJob, sha256: string): Promise<string | undefined> {
  if (sha256 === "") return undefined;
  const content = await contentOf(job, sha256);
  // A line end in JSON is white space, never part of a string (RFC 8259 §7).
  return content.kept ? asJsonObject(content.bytes)?.replace(/[\r\n]+/g, " ") : undefined;
}

function userOf({ event, payload }: RecordedExchange): Record<string, unknown> {
  const uid = textIn(objectIn(objectIn(payload.input).user).uid);
  return {
    ...(event.username === "" ? {} : { username: event.username }),
    ...(uid === "" ? {} : { uid }),
    ...(event.groups.length === 0 ? {} : { groups: event.groups }),
  };
}

function objectRef(exchange: RecordedExchange): Record<string, string> {
  const { event } = exchange;
  const question = questionOf(exchange);
  const reference: Record<string, string> = {
    resource: event.resource,
    namespace: event.namespace,
    name: event.name,
    apiGroup: event.api_group,
    apiVersion: textIn(objectIn(question.resource).version),
    subresource: event.subresource,
  };
  return Object.fromEntries(Object.entries(reference).filter(([, value]) => value !== ""));
}

function responseStatus({ event, end, payload }: RecordedExchange): Record<string, unknown> {
  const code = Number(event.status);
  if (end === "answered") return { metadata: {}, ...(code >= 400 ? { status: "Failure" } : {}), code };
  return { metadata: {}, status: "Failure", message: textIn(payload.message), reason: reasonOf(code), code };
}

// metav1.StatusReason as the API server itself pairs it with the code.
const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};
const reasonOf = (code: number): string => REASONS[code] ?? "Unknown";

/** Keys are qualified, values are short texts (audit/v1 Event.annotations). */
function annotationsOf({ event, end, payload, requestBody, responseBody }: RecordedExchange): Record<string, string> {
  const said: Record<string, string> = {
    session: event.session_id,
    connection: event.connection,
    effect: event.effect,
    rules: event.rules.join(","),
    approval: event.approval_id,
    "break-glass": event.break_glass ? "true" : "",
    "masked-fields": event.masked_fields.join(","),
    revision: event.revision,
    decision: textIn(payload.decisionId),
    code: textIn(payload.code),
    forwarded: forwarded(payload, end),
    "request-sha256": requestBody,
    "response-sha256": responseBody,
    "response-bytes": sizeOf(event),
  };
  return Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) => (value === "" ? [] : [[`sallyport.dev/${name}`, value]])),
  );
}

function forwarded({ forwarded: said }: Record<string, unknown>, end: RecordedExchange["end"]): string {
  if (end === "unknown") return "unknown";
  return typeof said === "boolean" ? String(said) : "";
}

function sizeOf({ response_bytes }: EventRow): string {
  return Number(response_bytes) === 0 ? "" : String(response_bytes);
}
