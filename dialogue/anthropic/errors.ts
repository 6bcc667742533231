import { sseEvent } from "./write-events.ts";

/** Of the Messages API's error types, those that a gateway has a use for. */
export type AnthropicErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "billing_error"
  | "permission_error"
  | "not_found_error"
  | "conflict_error"
  | "request_too_large"
  | "rate_limit_error"
  | "timeout_error"
  | "api_error"
  | "overloaded_error";

export interface AnthropicError {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** By status, as the API documents them; any other of 4xx is an invalid request, of 5xx an error of the API. */
const TYPES: ReadonlyMap<number, AnthropicErrorType> = new Map([
  [401, "authentication_error"],
  [402, "billing_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [409, "conflict_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [504, "timeout_error"],
  [529, "overloaded_error"],
]);

export function anthropicErrorType(status: number): AnthropicErrorType {
  return TYPES.get(status) ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

/** Which statuses a client asks again after, unless it is told not to: Claude Code and the SDKs, whatever the type. */
function isRetried(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/**
 * An answer in the shape of Anthropic's errors. Statuses that say no for good carry `x-should-retry: false`, which the
 * SDKs obey before they look at the status (client.ts, shouldRetry): 402 and 403 are not asked again in any case, and
 * a budget that is spent is 402 for that reason, not 429. `retry`: whether to ask again may help; by the status where
 * absent.
 */
export function anthropicError(
  status: number,
  type: AnthropicErrorType,
  message: string,
  options: { retry?: boolean; requestId?: string } = {},
): AnthropicError {
  return {
    status,
    headers: {
      "content-type": "application/json",
      "x-should-retry": String(options.retry ?? isRetried(status)),
      ...(options.requestId === undefined ? {} : { "request-id": options.requestId }),
    },
    body: Buffer.from(errorJson(type, message, options.requestId)),
  };
}

/** The same within a stream, where the status is out: clients throw it, and read no further. */
export function anthropicErrorEvent(type: AnthropicErrorType, message: string): Buffer {
  return sseEvent("error", errorJson(type, message));
}

function errorJson(type: AnthropicErrorType, message: string, requestId?: string): string {
  return JSON.stringify({ type: "error", error: { type, message }, ...(requestId && { request_id: requestId }) });
}
