/** Of the codes of the API's errors, the one on which Codex shows the message, and does not try again. */
const CODE = "invalid_prompt";

/** An error as the API answers it. */
export interface OpenaiError {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** `type` in the error's body, by status (the API's guide to error codes). */
function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 402) return "insufficient_quota";
  if (status === 404) return "not_found_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

interface ErrorBody {
  message: string;
  type: string;
  param: null;
  code: string;
}

const errorBody = (type: string, code: string, message: string): ErrorBody => ({ message, type, param: null, code });

/**
 * An error of the API, for either dialect. The `openai` package (7.57) tries again on 408, 409, 429 and 5xx, unless
 * `x-should-retry` says otherwise: here it says no, wherever trying again changes nothing. `retry`: it may.
 */
export function openaiError(status: number, code: string, message: string, retry = false): OpenaiError {
  return {
    status,
    headers: { "content-type": "application/json", ...(retry ? {} : { "x-should-retry": "false" }) },
    body: JSON.stringify({ error: errorBody(typeOf(status), code, message) }),
  };
}

/** Ends a stream of chat/completions: clients throw on an `error` in the data. */
export function chatErrorEvent(status: number, message: string): Buffer {
  return Buffer.from(`data: ${JSON.stringify({ error: errorBody(typeOf(status), CODE, message) })}\n\n`);
}

export interface FailedResponse {
  id: string | undefined;
  model: string | undefined;
  createdAt: number | undefined;
  /** The number of the last event; undefined where the provider numbers none. */
  sequenceNumber: number | undefined;
}

/**
 * Ends a stream of responses, as the API does: an `error`, on which most clients throw, and `response.failed`, for those
 * that wait for it, such as Codex.
 */
export function responsesErrorEvents(message: string, of: FailedResponse): Buffer {
  const number = (n: number): object =>
    of.sequenceNumber === undefined ? {} : { sequence_number: of.sequenceNumber + n };
  const failed = {
    id: of.id ?? "resp_unknown",
    object: "response",
    created_at: of.createdAt ?? 0,
    status: "failed",
    error: { code: CODE, message },
    incomplete_details: null,
    model: of.model ?? "unknown",
    output: [],
  };
  return Buffer.concat([
    sseEvent("error", { type: "error", code: CODE, message, param: null, ...number(1) }),
    sseEvent("response.failed", { type: "response.failed", ...number(2), response: failed }),
  ]);
}

export function sseEvent(name: string, data: object): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
