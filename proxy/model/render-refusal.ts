import type { Refusal, RefusalCode } from "../../base/errors.ts";
import { anthropicError, anthropicErrorType } from "../../dialogue/anthropic/errors.ts";
import { openaiError } from "../../dialogue/openai/errors.ts";
import type { Dialect } from "../../dialogue/types.ts";
import { bodyLength, type HttpResponse } from "../http.ts";
import { refusalText } from "../render-refusal.ts";

/** Clients of both providers try 408, 409, 429 and 5xx again, unless they are told not to: only what passes is worth it. */
const PASSES: ReadonlySet<RefusalCode> = new Set([
  "draining",
  "identity-unavailable",
  "recorder-unavailable",
  "upstream-timeout",
  "upstream-unreachable",
]);

/** Codes of OpenAI's own by which its clients know what to do; what is not here goes by the gateway's name for it. */
const OPENAI: Partial<Record<RefusalCode, string>> = {
  "budget-spent": "insufficient_quota",
  "session-ended": "invalid_api_key",
  unauthenticated: "invalid_api_key",
};

/** A refusal in the shape of the provider whose client asked, as its own SDK reads it. */
function answerOf(
  dialect: Dialect,
  refusal: Refusal,
  requestId: string,
): { status: number; headers: Record<string, string>; body: string | Buffer } {
  const { status, code } = refusal;
  const message = refusalText(refusal);
  const retry = PASSES.has(code);
  return dialect === "anthropic.messages"
    ? anthropicError(status, anthropicErrorType(status), message, { retry, requestId })
    : openaiError(status, OPENAI[code] ?? code, message, retry);
}

/** Answers with a refusal; once headers are out the connection is destroyed, and no cut answer passes for whole. */
export function renderModelRefusal(res: HttpResponse, dialect: Dialect, refusal: Refusal, id: string): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const answer = answerOf(dialect, refusal, id);
  const body = Buffer.from(answer.body);
  const headers: Record<string, string | number> = {
    ...answer.headers,
    "content-length": body.length,
    "cache-control": "no-store",
    "request-id": id,
    // The name that each of the two SDKs reads a request's id by.
    "x-request-id": id,
  };
  if (refusal.status === 401) headers["www-authenticate"] = 'Bearer realm="sallyport"';
  if (refusal.details.retryAfterSeconds !== undefined) headers["retry-after"] = refusal.details.retryAfterSeconds;
  const { req } = res;
  if (req.httpVersionMajor === 1 && !req.complete && bodyLength(req) !== 0) headers.connection = "close";
  res.writeHead(answer.status, headers);
  res.end(body);
}
