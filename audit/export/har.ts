import { STATUS_CODES } from "node:http";
import { readableEvents } from "../event-pages.ts";
import { asText, contentOf } from "./contents.ts";
import {
  exchangesOf,
  isoTime,
  methodOf,
  queryOf,
  questionOf,
  type RecordedExchange,
  requestUriOf,
  textIn,
} from "./exchanges.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

/** An HTTP version, or a size, that is not on record (HAR 1.2: -1 where a size is not available). */
const UNKNOWN = "unknown";
const NO_SIZE = -1;

/**
 * One HAR 1.2 log. Headers other than the agent's own name and the body's type are not on record, nor are credentials.
 * Entries stand in the order of their chains, each with what policy said of it under `_sallyport`.
 */
export async function* writeHar(job: ExportJob): ExportBytes {
  const creator = { name: "Sallyport", version: job.gateway.split("/")[1] ?? "" };
  yield `{"log":{"version":"1.2","creator":${JSON.stringify(creator)},"entries":[`;
  let first = true;
  for await (const exchange of exchangesOf(readableEvents(job))) {
    yield `${first ? "\n" : ",\n"}${JSON.stringify(await entry(exchange, job))}`;
    first = false;
  }
  yield "\n]}}\n";
}

async function entry(exchange: RecordedExchange, job: ExportJob): Promise<Record<string, unknown>> {
  const { event, startedAt, duration: time, end, payload } = exchange;
  return {
    startedDateTime: isoTime(startedAt),
    time,
    request: await request(exchange, job),
    response: await response(exchange, job),
    cache: {},
    timings: { send: 0, wait: time, receive: 0 },
    ...(end === "answered" ? {} : { comment: end === "refused" ? textIn(payload.message) : "no end is on record" }),
    _sallyport: {
      exchange: event.exchange_id,
      session: event.session_id,
      outcome: end,
      effect: event.effect,
      rules: event.rules,
      maskedFields: event.masked_fields,
      ...(event.approval_id === "" ? {} : { approval: event.approval_id }),
    },
  };
}

async function request(exchange: RecordedExchange, job: ExportJob): Promise<Record<string, unknown>> {
  const { event, requestBody, requestBytes } = exchange;
  const mimeType = textIn(questionOf(exchange).contentType);
  const body = await recorded(requestBody, job);
  const headers = [
    ["User-Agent", event.user_agent],
    ["Content-Type", mimeType],
  ].flatMap(([name, value]) => (value === "" ? [] : [{ name, value }]));
  return {
    method: methodOf(exchange) ?? UNKNOWN,
    url: `${job.url}/connections/${encodeURIComponent(event.connection)}${uriOf(exchange)}`,
    httpVersion: UNKNOWN,
    cookies: [],
    headers,
    queryString: queryOf(exchange).map(([name, value]) => ({ name, value })),
    ...(body === undefined ? {} : { postData: { mimeType, params: [], text: body.text, comment: body.comment } }),
    headersSize: NO_SIZE,
    bodySize: requestBytes,
  };
}

/** As it was asked; what no URI may hold (RFC 3986 §2) is escaped, and what was escaped stays so. */
function uriOf(exchange: RecordedExchange): string {
  return encodeURI(requestUriOf(exchange).toWellFormed()).replaceAll("%25", "%");
}

async function response({ event, end, responseBody }: RecordedExchange, job: ExportJob): Promise<object> {
  const body = await recorded(responseBody, job);
  const status = end === "unknown" ? 0 : Number(event.status);
  const size = Number(event.response_bytes);
  return {
    status,
    statusText: STATUS_CODES[status] ?? "",
    httpVersion: UNKNOWN,
    cookies: [],
    headers: [],
    content: {
      size,
      mimeType: body?.mimeType ?? "x-unknown",
      ...(body === undefined ? {} : { text: body.text, comment: body.comment }),
      ...(body?.encoding === undefined ? {} : { encoding: body.encoding }),
    },
    redirectURL: "",
    headersSize: NO_SIZE,
    bodySize: end === "answered" ? size : NO_SIZE,
  };
}

interface RecordedText {
  text: string;
  mimeType: string;
  encoding?: "base64";
  comment: string;
}

async function recorded(sha256: string, job: ExportJob): Promise<RecordedText | undefined> {
  if (sha256 === "") return undefined;
  const content = await contentOf(job, sha256);
  const comment = `SHA-256 ${sha256}`;
  if (!content.kept) return { text: "", mimeType: "x-unknown", comment: `${comment}, ${content.why}` };
  const text = asText(content.bytes);
  if (text === undefined) {
    const mimeType = "application/octet-stream";
    return { text: content.bytes.toString("base64"), mimeType, encoding: "base64", comment };
  }
  return { text, mimeType: /^\s*[[{]/.test(text) ? "application/json" : "text/plain", comment };
}
