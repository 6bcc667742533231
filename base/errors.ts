/**
 * Every way a request is refused, in one closed union. A refusal is part of the product: it names the
 * rule, the reason, what to do next and the decision, and `proxy/render-refusal.ts` and
 * `console/problem.ts` turn it into what the caller's protocol expects.
 */
export type RefusalCode =
  // who
  | "unauthenticated" // 401: no token, or one that proves nothing
  | "identity-unavailable" // 503: the issuer cannot be reached and the key is unknown
  | "session-ended" // 401
  | "forbidden" // 403: authenticated, and not for this
  // the door: framing and headers
  | "bad-request" // 400
  | "bad-target" // 400: absolute form, encoded slashes, dot segments
  | "bad-header" // 400: Expect, trailers, repeated Authorization
  | "impersonation" // 403: any client Impersonate-*, X-Remote-*
  | "upgrade-refused" // 400
  | "not-found" // 404
  | "method-not-allowed" // 405
  | "not-acceptable" // 406: the answer cannot be masked in what the client accepts
  | "conflict" // 409
  | "body-too-large" // 413
  | "unsupported-media-type" // 415
  | "malformed-body" // 400
  | "too-many" // 429: caps of the configuration
  // budgets of model providers: clients ask again after 400, 429 and 5xx, and not after 402
  | "budget-spent" // 402
  | "price-unknown" // 402: a cost is limited, and nobody said what this model costs
  // policy
  | "policy-denied" // 403
  | "policy-failed" // 403: undefined, throwing or timed-out evaluation
  | "outcome-unknown" // 403: a rule needs a fact that could not be had
  | "approval-pending" // 403: past the hold budget
  | "approval-denied" // 403
  | "approval-changed" // 403: the change is no longer the one approved
  | "approvals-unavailable" // 403: the policy-exceptions repo cannot be asked, or its history was rewritten
  | "recall-refused" // 403: names what a model's provider keeps, and not of this session
  | "placeholder-write" // 422: a masked value would be written back
  | "unmaskable" // 403: the answer cannot be masked, so it is not passed
  // our own parts
  | "upstream-unreachable" // 502
  | "upstream-timeout" // 504
  | "credential-unavailable" // 502: the gateway could not get its own credential
  | "recorder-unavailable" // 503
  | "draining" // 503
  | "internal"; // 500

const STATUS: Record<RefusalCode, number> = {
  unauthenticated: 401,
  "identity-unavailable": 503,
  "session-ended": 401,
  forbidden: 403,
  "bad-request": 400,
  "bad-target": 400,
  "bad-header": 400,
  impersonation: 403,
  "upgrade-refused": 400,
  "not-found": 404,
  "method-not-allowed": 405,
  "not-acceptable": 406,
  conflict: 409,
  "body-too-large": 413,
  "unsupported-media-type": 415,
  "malformed-body": 400,
  "too-many": 429,
  "budget-spent": 402,
  "price-unknown": 402,
  "policy-denied": 403,
  "policy-failed": 403,
  "outcome-unknown": 403,
  "approval-pending": 403,
  "approval-denied": 403,
  "approval-changed": 403,
  "approvals-unavailable": 403,
  "recall-refused": 403,
  "placeholder-write": 422,
  unmaskable: 403,
  "upstream-unreachable": 502,
  "upstream-timeout": 504,
  "credential-unavailable": 502,
  "recorder-unavailable": 503,
  draining: 503,
  internal: 500,
};

/** One rule's part in a refusal, rendered as an entry of `details.causes` in a Kubernetes Status. */
export interface RefusalCause {
  /** The rule's id (`workload/host-path`), or `request/<code>` where the gateway itself refuses. */
  rule: string;
  message: string;
  /** The field at fault (`spec.volumes[0].hostPath`), empty where there is none. */
  field?: string;
}

export interface RefusalDetails {
  /** What to do next, in one sentence: it is printed after the reason. */
  next?: string;
  causes?: RefusalCause[];
  decisionId?: string;
  /** Where a human can approve, for `approval-*`. */
  approvalUrl?: string;
  approvalName?: string;
  /** Sent as `Retry-After` (seconds). client-go retries 429 and 5xx that carry one, in silence. */
  retryAfterSeconds?: number;
  /** The message is the API server's own, word for word: clients look for it, and nothing is put around it. */
  verbatim?: true;
  /** What went wrong underneath. Logged, and never shown to the caller. */
  cause?: unknown;
}

/**
 * The one way to refuse a request. `message` is shown to the caller: it says what happened and to what,
 * and holds no secret and nothing that the caller did not already know.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly status: number;
  readonly details: RefusalDetails;
  constructor(code: RefusalCode, message: string, details: RefusalDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Refusal";
    this.code = code;
    this.status = STATUS[code];
    this.details = details;
  }
}

/** Anything unexpected is a refusal as well: the gateway fails closed, and says so without the detail. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal("internal", "the gateway met an unexpected error and refused the request", {
    next: "Tell the operator of the gateway; its log has the error under this id.",
    cause: error,
  });
}

/** Exit codes of the command line (contracts §7). */
export type ExitCode = 1 | 2 | 3;

/**
 * An error for the person at a terminal: what happened, to what, and what to do now.
 * exit 1: the answer is no; 2: wrong usage or configuration; 3: the environment failed.
 */
export class UserError extends Error {
  readonly exitCode: ExitCode;
  readonly next: string | undefined;
  constructor(message: string, options: { exitCode?: ExitCode; next?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "UserError";
    this.exitCode = options.exitCode ?? 3;
    this.next = options.next;
  }
}

/** The text of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
