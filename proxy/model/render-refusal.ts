import type { Refusal, RefusalCode } from "../../base/errors.ts";
import type { Dialect } from "../../dialogue/types.ts";
import { bodyLength, type HttpResponse } from "../http.ts";
import { refusalText } from "../render-refusal.ts";

/** Anthropic's types of errors; what is not here goes by its status. */
const ANTHROPIC: Partial<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
};

/** Clients of both providers try 408, 409, 429 and 5xx again, unless they are told not to: only what passes is worth it. */
const PASSES: ReadonlySet<RefusalCode> = new Set([
  "draining",
  "identity-unavailable",
  "recorder-unavailable",
  "upstream-timeout",
  "upstream-unreachable",
]);

/** A refusal in the shape of the provider whose client asked, as its own SDK reads it. */
export function refusalBody(dialect: Dialect, refusal: Refusal, id: string): object {
  const message = refusalText(refusal);
  if (dialect === "anthropic.messages") {
    const type = ANTHROPIC[refusal.status] ?? (refusal.status < 500 ? "invalid_request_error" : "api_error");
    return { type: "error", error: { type, message }, request_id: id };
  }
  const type = refusal.status < 500 ? "invalid_request_error" : "server_error";
  return { error: { message, type, param: null, code: refusal.code } };
}

/** Answers with a refusal; once headers are out the connection is destroyed, and no cut answer passes for whole. */
export function renderModelRefusal(res: HttpResponse, dialect: Dialect, refusal: Refusal, id: string): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(refusalBody(dialect, refusal, id)));
  const headers: Record<string, string | number> = {
    "content-type": "application/json",
    "content-length": body.length,
    "cache-control": "no-store",
    "request-id": id,
    "x-should-retry": String(PASSES.has(refusal.code)),
  };
  if (refusal.status === 401) headers["www-authenticate"] = 'Bearer realm="sallyport"';
  if (refusal.details.retryAfterSeconds !== undefined) headers["retry-after"] = refusal.details.retryAfterSeconds;
  const { req } = res;
  if (req.httpVersionMajor === 1 && !req.complete && bodyLength(req) !== 0) headers.connection = "close";
  res.writeHead(refusal.status, headers);
  res.end(body);
}
