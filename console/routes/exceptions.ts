import type { FastifyInstance } from "fastify";
import type { StandingException } from "../../approvals/standing/exception.ts";
import { rfc3339 } from "../../base/clock.ts";
import { DEFAULT_EXCEPTION_LIMITS } from "../../base/config/guardrails.ts";
import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import type { Identity } from "../../identity/types.ts";
import { admin, notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

const TAGS = ["exceptions"];
const NAME = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$";
const PARAMS = {
  type: "object",
  properties: { name: { type: "string", pattern: NAME } },
  required: ["name"],
  additionalProperties: false,
} as const;
const REASON = { type: "string", maxLength: 1024 } as const;
/** Files that stand for nothing and are named, of those there are. */
const MALFORMED = 100;
/** Nobody's session: what a person changed for everybody stands with what the gateway loaded and rejected. */
const SESSION = "gateway";

type Apply = { Params: { name: string }; Body: { file: string; reason: string } };
type Revoke = { Params: { name: string }; Body: { reason: string } };

/** Standing exceptions: which are in force, and taking one into force or back. */
export function exceptionRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get<{ Querystring: { limit?: number; continue?: string } }>(
    "/v1alpha1/exceptions",
    {
      schema: {
        summary:
          "Standing exceptions in force, by name: all of them for approvers and auditors, else those that name the caller",
        tags: TAGS,
        querystring: {
          type: "object",
          properties: {
            limit: { type: "integer", minimum: 1, maximum: 500 },
            continue: { type: "string", pattern: NAME },
          },
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const { identity } = await reader(deps, request);
      const { limit = 100, continue: after = "" } = request.query;
      const all = seesAll(identity);
      const items = deps.approvals.standing
        .list()
        .filter((exception) => exception.name > after && (all || concerns(exception, identity)));
      const page = items.slice(0, limit);
      return {
        items: page.map(viewOf),
        malformed: all ? deps.approvals.status().malformed.slice(0, MALFORMED) : [],
        limits: deps.exceptionLimits?.() ?? DEFAULT_EXCEPTION_LIMITS,
        continue: items.length > limit ? (page.at(-1)?.name ?? "") : "",
      };
    },
  );

  app.post<Apply>(
    "/v1alpha1/exceptions/:name/apply",
    {
      schema: {
        summary:
          "Take a standing exception into force; needs the role approver and a fresh token for the admin audience",
        tags: TAGS,
        params: PARAMS,
        body: {
          type: "object",
          properties: { file: { type: "string", maxLength: 65_536 }, reason: REASON },
          required: ["file", "reason"],
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const identity = await admin(deps, request);
      if (!identity.roles.includes("approver")) throw notApprover(identity);
      const { name } = request.params;
      const { file } = request.body;
      const reason = given(request.body.reason);
      await deps.approvals.standing.put(name, file, identity, reason);
      deps.peers.tell();
      const exception = named(deps, name);
      await record(deps, "approval.approved", identity, exception, { reason, file: sha256(file) });
      return viewOf(exception);
    },
  );

  app.post<Revoke>(
    "/v1alpha1/exceptions/:name/revoke",
    {
      schema: {
        summary:
          "Take a standing exception back; for approvers and who answers for it, with a fresh token for the admin audience",
        tags: TAGS,
        params: PARAMS,
        body: { type: "object", properties: { reason: REASON }, required: ["reason"], additionalProperties: false },
      },
    },
    async (request) => {
      const identity = await admin(deps, request);
      const { name } = request.params;
      const exception = deps.approvals.standing.list().find((one) => one.name === name);
      const approver = identity.roles.includes("approver");
      if (!approver && exception !== undefined && seesAll(identity)) throw notApprover(identity);
      // What stands for nothing may be taken off main too, by those who know of it.
      if (!approver && (exception === undefined || !answersFor(exception, identity))) throw notThere();
      const reason = given(request.body.reason);
      await deps.approvals.standing.remove(name, identity, reason);
      deps.peers.tell();
      await record(deps, "approval.revoked", identity, exception, { reason }, name);
      return { name };
    },
  );
}

/** What `exceptions list` shows. */
function viewOf(exception: StandingException) {
  const { name, rules, subjects, match, unmask, owner, requestedBy, reason, notAfter, maxUses } = exception;
  return {
    ...{ name, rules, subjects, match, unmask, owner, requestedBy, reason, notAfter: rfc3339(notAfter) },
    ...(maxUses === undefined ? {} : { maxUses }),
  };
}

function seesAll({ roles }: Identity): boolean {
  return roles.includes("approver") || roles.includes("auditor");
}

function answersFor({ owner, requestedBy }: StandingException, { issuer, username, groups }: Identity): boolean {
  return (
    owner === `user:${username}` ||
    groups.some((group) => owner === `group:${group}`) ||
    (requestedBy.issuer === issuer && requestedBy.username === username)
  );
}

function concerns(exception: StandingException, identity: Identity): boolean {
  return (
    answersFor(exception, identity) ||
    exception.subjects.some((subject) =>
      "group" in subject
        ? identity.groups.includes(subject.group)
        : subject.issuer === identity.issuer && subject.username === identity.username,
    )
  );
}

function notApprover({ username }: Identity): Refusal {
  return new Refusal("forbidden", `${username} has not the role approver`, {
    next: "See roles.approver in sallyport.yaml.",
  });
}

function given(reason: string): string {
  if (reason.trim() === "") throw new Refusal("bad-request", "this needs a reason: it is put on record");
  return reason;
}

function named(deps: ConsoleDeps, name: string): StandingException {
  const exception = deps.approvals.standing.list().find((one) => one.name === name);
  if (exception !== undefined) return exception;
  throw new Refusal("conflict", `${name} was changed in the repository meanwhile`);
}

async function record(
  { recorder }: ConsoleDeps,
  kind: "approval.approved" | "approval.revoked",
  { issuer, username }: Identity,
  exception: StandingException | undefined,
  payload: Record<string, unknown>,
  name = exception?.name ?? "",
): Promise<void> {
  await recorder.recordDurably({
    kind,
    session_id: SESSION,
    at_ms: Date.now(),
    issuer,
    username,
    connection: exception?.match.connection ?? "",
    rules: [...(exception?.rules ?? [])],
    approval_id: name,
    payload: { ...payload, standing: true, approvers: kind === "approval.approved" ? [username] : [], by: username },
  });
}
