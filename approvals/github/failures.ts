import { z } from "zod";
import { errorMessage, Refusal } from "../../base/errors.ts";

/** The status of what octokit threw; a network error and a deadline are 500 there, and 0 here as well as any 5xx. */
export function statusOf(error: unknown): number {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && status < 500 ? status : 0;
}

/** Whether nobody knows what became of a request: it may have been done. */
export function isAmbiguous(error: unknown): boolean {
  return !(error instanceof Refusal) && (statusOf(error) === 0 || statusOf(error) === 408);
}

function headersOf(error: unknown): Record<string, unknown> {
  const response = (error as { response?: { headers?: Record<string, unknown> } } | null)?.response;
  return response?.headers ?? {};
}

/** Whether GitHub refused for a rate limit, primary or secondary: 403 or 429, told by its headers or its words. */
export function isLimited(error: unknown): boolean {
  const status = statusOf(error);
  if (status === 429) return true;
  if (status !== 403) return false;
  const headers = headersOf(error);
  return (
    headers["retry-after"] !== undefined ||
    headers["x-ratelimit-remaining"] === "0" ||
    /rate limit|abuse detection/i.test(errorMessage(error))
  );
}

/**
 * Milliseconds to wait, as GitHub documents it: `retry-after`, else until `x-ratelimit-reset` where nothing remains,
 * else a minute. An hour at the most: whatever an answer says, GitHub is asked again.
 */
export function waitOf(error: unknown, now = Date.now()): number {
  const headers = headersOf(error);
  const after = z.coerce.number().positive().safeParse(headers["retry-after"]);
  const reset = z.coerce.number().positive().safeParse(headers["x-ratelimit-reset"]);
  const ms = after.success
    ? after.data * 1000
    : reset.success && headers["x-ratelimit-remaining"] === "0"
      ? reset.data * 1000 - now
      : 60_000;
  return Math.min(Math.max(ms, 1000), 3_600_000);
}

/** What a caller is told: a Refusal as it is, and anything else as a repository that cannot be asked. */
export function unavailable(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(
    "approvals-unavailable",
    `the approvals repository on GitHub cannot be asked: ${reasonOf(error)}`,
    {
      next: "Run the command again later.",
      cause: error,
    },
  );
}

/** Without what GitHub's answer quotes: it is for the log. */
export function reasonOf(error: unknown): string {
  if (isLimited(error)) return "its rate limit is reached";
  const status = statusOf(error);
  if (error instanceof z.ZodError) return "its answer is not what it documents";
  if (status === 0) return "it does not answer";
  return `it answered ${status}`;
}
