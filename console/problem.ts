import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { ConfigError, didYouMean, dottedPath } from "../base/config/issues.ts";
import { Refusal, toRefusal } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { uuid7 } from "../base/uuid7.ts";

/** An error of the control API (RFC 9457). `type` is about:blank, since `code` is what clients tell cases by. */
export interface Problem {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  /** From the closed union of base/errors.ts. */
  code: string;
  next?: string;
  decisionId?: string;
  /** Each mistake of a request that does not match its schema. */
  errors?: string[];
  /** Of an unexpected error: the log has it under this id. */
  instance?: string;
}

const TITLES: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

export function problemOf({ code, status, message, details }: Refusal, errors?: string[]): Problem {
  return {
    type: "about:blank",
    title: TITLES[status] ?? (status < 500 ? "Refused" : "Internal Server Error"),
    status,
    detail: message,
    code,
    ...(details.next === undefined ? {} : { next: details.next }),
    ...(details.decisionId === undefined ? {} : { decisionId: details.decisionId }),
    ...(errors === undefined ? {} : { errors }),
  };
}

/** What ajv found, as paths and words; an unknown key names the nearest valid one. */
function validationErrors(error: FastifyError): string[] {
  return (error.validation ?? []).slice(0, 20).map(({ instancePath, keyword, params, message, ...rest }) => {
    const path = instancePath.split("/").slice(1);
    if (keyword === "additionalProperties") {
      const key = String(params.additionalProperty);
      const { properties = {} } = (rest as { parentSchema?: { properties?: object } }).parentSchema ?? {};
      return `${dottedPath([...path, key.slice(0, 60)])}: unknown key; ${didYouMean(key.slice(0, 60), Object.keys(properties))}`;
    }
    const where = path.length === 0 ? (error.validationContext ?? "request") : dottedPath(path);
    if (keyword === "enum" && Array.isArray(params.allowedValues)) {
      return `${where}: must be one of ${params.allowedValues.join(", ")}`;
    }
    return `${where}: ${message ?? keyword}`;
  });
}

const BY_STATUS = {
  400: ["malformed-body", "the request is malformed"],
  404: ["not-found", "there is no such thing here"],
  405: ["method-not-allowed", "this method is not for this"],
  // A part of the path longer than any id: what has no id is not there.
  414: ["not-found", "there is no such thing here"],
  413: ["body-too-large", "the body is too large"],
  415: ["unsupported-media-type", "the body's content type is not one that this takes"],
  429: ["too-many", "too many requests from this address"],
} as const;

function refusalOf(error: unknown): Refusal {
  // A file that was sent and has mistakes.
  if (error instanceof ConfigError) return new Refusal("bad-request", `${error.file} is not valid`);
  const { statusCode } = error as { statusCode?: number };
  const known = BY_STATUS[statusCode as keyof typeof BY_STATUS];
  // fastify's own errors (a body that is no JSON, one that is too large) have a statusCode; ours are Refusals.
  if (error instanceof Refusal || known === undefined) return toRefusal(error);
  return new Refusal(known[0], known[1], { cause: error });
}

function mistakesOf(error: unknown): string[] | undefined {
  if ((error as FastifyError).validation !== undefined) return validationErrors(error as FastifyError);
  if (!(error instanceof ConfigError)) return undefined;
  return error.issues.slice(0, 20).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
}

/** Answers with a problem document. What is unexpected is logged, and never shown. */
export function sendProblem(log: Log, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { validation } = error as FastifyError;
  const refusal = validation === undefined ? refusalOf(error) : new Refusal("bad-request", "the request is not valid");
  const problem = problemOf(refusal, mistakesOf(error));
  if (refusal.code === "internal") {
    problem.instance = `urn:uuid:${uuid7()}`;
    log.error("a request of the control API failed", { instance: problem.instance, error: refusal.details.cause });
  }
  // RFC 9110 §11.6.1: a 401 says how to authenticate.
  if (refusal.status === 401) reply.header("www-authenticate", 'Bearer realm="sallyport"');
  if (refusal.details.retryAfterSeconds !== undefined) reply.header("retry-after", refusal.details.retryAfterSeconds);
  // RFC 6749 §5.2: clients of a token endpoint look for `error`.
  const oauth =
    request.url === "/session" ? { error: refusal.status === 401 ? "invalid_grant" : "invalid_request" } : {};
  // As bytes: fastify would add a charset, and RFC 9457 §6.1 has no such parameter.
  return reply
    .code(refusal.status)
    .header("content-type", "application/problem+json")
    .send(Buffer.from(JSON.stringify({ ...problem, ...oauth })));
}
