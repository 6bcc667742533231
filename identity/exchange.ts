import type { Clock } from "../base/clock.ts";
import { Refusal } from "../base/errors.ts";
import { ACCESS_TOKEN_TYPE, type ExchangeRequest } from "./exchange-request.ts";
import { endedBy, type SessionEnds } from "./session-ends.ts";
import { newSessionId } from "./session-id.ts";
import { isSessionToken, type SessionClaims, type SessionTokens } from "./session-token.ts";
import type { Authenticated, Session } from "./types.ts";

/** RFC 8693 §2.2.1, and the session's id. */
export interface ExchangeResponse {
  access_token: string;
  issued_token_type: typeof ACCESS_TOKEN_TYPE;
  token_type: "Bearer";
  expires_in: number;
  session_id: string;
}

export interface ExchangeOptions {
  authenticate(token: string): Authenticated | Promise<Authenticated>;
  sessionTokens: SessionTokens;
  ends: SessionEnds;
  limitSeconds: number;
  clock: Clock;
}

/** `POST /session`: a new session for an ID token, or the renewal of a session token. */
export async function exchange(request: ExchangeRequest, options: ExchangeOptions): Promise<ExchangeResponse> {
  if (request.subjectTokenType === "access_token") return renew(request.subjectToken, options);
  const { clock, limitSeconds } = options;
  const subject = await subjectOf(request.subjectToken, options);
  const caller = request.actorToken === undefined ? subject : await subjectOf(request.actorToken, options);
  const { issuer, username, uid, groups, extra, authTime, hasActor } = caller.identity;
  const identity = { issuer, username, uid, groups, extra, authTime, hasActor: hasActor || caller !== subject };
  return issued(options, identity, {
    id: newSessionId(caller === subject ? [caller.session.id] : [caller.session.id, subject.session.id]),
    startedAt: clock.now(),
    limitAt: clock.now() + limitSeconds * 1000,
    agent: request.agent || caller.session.agent,
    reason: request.reason,
    owner: { issuer: subject.identity.issuer, username: subject.identity.username },
    labels: request.labels,
  });
}

/** A session token is refused here: exchanging one anew would take it past its session's limit. */
async function subjectOf(token: string, options: ExchangeOptions): Promise<Authenticated> {
  if (isSessionToken(token))
    throw new Refusal("bad-request", "a session token is renewed with subject_token_type access_token");
  return options.authenticate(token);
}

async function renew(token: string, options: ExchangeOptions): Promise<ExchangeResponse> {
  if (!isSessionToken(token))
    throw new Refusal("unauthenticated", "only a session token is renewed", {
      next: "Send an ID token with subject_token_type id_token.",
    });
  const claims = await options.sessionTokens.verify(token, true);
  options.ends.refuse(endedBy(claims.session.id));
  return issued(options, claims.identity, claims.session);
}

async function issued(
  { sessionTokens }: ExchangeOptions,
  identity: SessionClaims["identity"],
  session: Omit<Session, "source">,
): Promise<ExchangeResponse> {
  const { token, expiresInSeconds } = await sessionTokens.issue(identity, session);
  return {
    access_token: token,
    issued_token_type: ACCESS_TOKEN_TYPE,
    token_type: "Bearer",
    expires_in: expiresInSeconds,
    session_id: session.id,
  };
}
