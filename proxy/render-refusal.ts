import type { Refusal } from "../base/errors.ts";
import { failureStatus, type Status } from "../kubernetes/status.ts";
import { bodyLength, type HttpResponse } from "./http.ts";

/** The sentence that kubectl prints: what was refused and why, what to do next, and the decision's id. */
export function refusalText(refusal: Refusal): string {
  const { next, decisionId, verbatim } = refusal.details;
  if (verbatim) return refusal.message;
  const parts = [`sallyport: ${refusal.message}`];
  if (next !== undefined) parts.push(next);
  if (decisionId !== undefined) parts.push(`Decision ${decisionId}.`);
  return parts.map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(" ");
}

/** A refusal as a Kubernetes `Status`, whose `details.causes` name the rules. */
export function refusalStatus(refusal: Refusal): Status {
  const causes = refusal.details.causes ?? [{ rule: `request/${refusal.code}`, message: refusal.message }];
  return failureStatus(refusal.status, refusalText(refusal), {
    causes: causes.map(({ rule, message, field }) => ({
      reason: rule,
      message,
      ...(field === undefined ? {} : { field }),
    })),
    ...(refusal.details.retryAfterSeconds === undefined
      ? {}
      : { retryAfterSeconds: refusal.details.retryAfterSeconds }),
  });
}

/**
 * Answers with a refusal, the one place that does so on the data path. Once headers are out there is no way to
 * say it, and ending a chunked body cleanly would pass a cut answer off as whole: the connection is destroyed.
 */
export function renderRefusal(
  res: HttpResponse,
  refusal: Refusal,
  exchangeId: string,
  warnings: readonly string[],
): void {
  const lines = [...warnings];
  if (refusal.details.approvalUrl !== undefined) lines.push(warningHeader(`Approval: ${refusal.details.approvalUrl}`));
  // `kubectl edit` keeps what it is told of an Invalid for the editor that it opens again, and prints none of it.
  if (refusal.status === 422) lines.push(warningHeader(refusalText(refusal)));
  const more: Record<string, string> = {};
  if (refusal.status === 401) more["www-authenticate"] = 'Bearer realm="sallyport"';
  if (refusal.details.retryAfterSeconds !== undefined) more["retry-after"] = String(refusal.details.retryAfterSeconds);
  renderStatus(res, refusal.status, refusalStatus(refusal), exchangeId, lines, more);
}

/** Answers with a Status object, ours or the API server's own. */
export function renderStatus(
  res: HttpResponse,
  status: number,
  object: object,
  exchangeId: string,
  warnings: readonly string[],
  more: Record<string, string> = {},
): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(object));
  const headers: Record<string, string | number | string[]> = {
    ...more,
    "content-type": "application/json",
    "content-length": body.length,
    "cache-control": "no-store",
    "audit-id": exchangeId,
  };
  if (warnings.length > 0) headers.warning = [...warnings];
  // What is left of the request's body is not read, so the connection cannot be used again. HTTP/2 resets the stream.
  const { req } = res;
  if (req.httpVersionMajor === 1 && !req.complete && bodyLength(req) !== 0) headers.connection = "close";
  res.writeHead(status, headers);
  res.end(body);
}

/** RFC 9111 §5.5 (obsolete there, and what Kubernetes uses: KEP-1693). */
export function warningHeader(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&");
  return `299 - "${clean}"`;
}
