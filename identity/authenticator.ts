import type { JWK } from "jose";
import type { Clock } from "../base/clock.ts";
import type { GatewayConfig } from "../base/config/gateway.ts";
import { Refusal } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type MappedClaims, mapClaims } from "./claims.ts";
import { createEndedSessions, type EndedSessions } from "./ended-sessions.ts";
import { ACCESS_TOKEN_TYPE, type ExchangeRequest } from "./exchange-request.ts";
import { createJsonFetcher } from "./fetch-json.ts";
import { issuerOf } from "./issuer.ts";
import { IssuerKeys } from "./keys.ts";
import type { SessionKey } from "./keys-file.ts";
import { rolesOf } from "./roles.ts";
import { newSessionId, originOf, originsIn } from "./session-id.ts";
import { SESSION_TOKEN_TYP, type SessionClaims, SessionTokens } from "./session-token.ts";
import type { Authenticated, Identity, Session } from "./types.ts";
import { type VerifiedEntry, VerifiedTokens } from "./verified-tokens.ts";
import { type IdTokenClaims, peek, type TrustedIssuer, verifyIdToken } from "./verify.ts";

/** RFC 8693 §2.2.1, and the session's id. */
export interface ExchangeResponse {
  access_token: string;
  issued_token_type: typeof ACCESS_TOKEN_TYPE;
  token_type: "Bearer";
  expires_in: number;
  session_id: string;
}

export interface Authenticator {
  /**
   * Who sends a token. For `data` the answer is synchronous where the token was verified before and nothing
   * has changed since: it costs a few µs. For `admin` only ID tokens for the issuer's adminAudience pass, not
   * older than five minutes, with no actor. Throws (or rejects with) Refusal `unauthenticated`, `forbidden`,
   * `session-ended`, `identity-unavailable`.
   */
  authenticate(token: string, audience: "data" | "admin"): Authenticated | Promise<Authenticated>;
  /** `POST /session`. Refusals as above. */
  exchange(request: ExchangeRequest): Promise<ExchangeResponse>;
  /** Ends a session for good, here: its tokens, and any new session from the ID tokens that it was made from. */
  endSession(sessionId: string): void;
  isEnded(sessionId: string): boolean;
  /** Called with the session's id, once for each end; returns what removes the listener. */
  onSessionEnd(listener: (sessionId: string) => void): () => void;
  /** `GET /.well-known/jwks.json`. */
  jwks(): { keys: JWK[] };
  close(): Promise<void>;
}

export interface AuthenticatorOptions {
  config: Pick<GatewayConfig, "issuers" | "roles" | "sessions" | "listen" | "tenant">;
  sessionKeys: SessionKey[];
  /** `keys.hmacFile`: the first makes session ids, all recognise ended ones. */
  hmacKeys: Uint8Array[];
  clock: Clock;
  log: Log;
  /** In memory unless given: createEndedSessions with a path survives a restart. */
  ended?: EndedSessions;
}

/** Issuers are not asked before their first token: a provider that is down doesn't keep the gateway from starting. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { config, sessionKeys, hmacKeys, clock, log } = options;
  const [hmacKey] = hmacKeys;
  if (hmacKey === undefined) throw new TypeError("at least one HMAC key is needed");
  const ended = options.ended ?? createEndedSessions(clock);
  const issuers = config.issuers.map((issuer) => {
    const fetcher = createJsonFetcher(issuer.caFile);
    const { staleKeysSeconds } = issuer;
    return {
      config: issuer,
      fetcher,
      keys: new IssuerKeys({ issuer: issuer.issuer, staleKeysSeconds, fetcher, clock, log }),
    };
  });
  const { tokenSeconds, idleSeconds, limitSeconds } = config.sessions;
  const sessionTokens = new SessionTokens({
    issuer: config.listen.url,
    tenant: config.tenant,
    keys: sessionKeys,
    tokenSeconds,
    idleSeconds,
    clock,
  });
  const verifiedTokens = new VerifiedTokens();
  const verifying = new Map<string, Promise<Authenticated>>();
  const listeners = new Set<(sessionId: string) => void>();

  function authenticate(token: string, audience: "data" | "admin"): Authenticated | Promise<Authenticated> {
    if (audience === "admin") return authenticateAdmin(token);
    const known = verifiedTokens.get(token);
    if (known !== undefined) {
      if (known.authenticated.identity.expiresAt > clock.now() && known.trusted()) {
        refuseEnded(known.endedBy);
        return known.authenticated;
      }
      verifiedTokens.delete(token);
    }
    const pending = verifying.get(token);
    if (pending !== undefined) return pending;
    const work = verifyData(token).finally(() => verifying.delete(token));
    verifying.set(token, work);
    return work;
  }

  async function verifyData(token: string): Promise<Authenticated> {
    const entry = isSessionToken(token) ? await fromSessionToken(token) : await fromIdToken(token);
    refuseEnded(entry.endedBy);
    verifiedTokens.set(token, entry);
    return entry.authenticated;
  }

  async function authenticateAdmin(token: string): Promise<Authenticated> {
    if (isSessionToken(token))
      throw new Refusal("forbidden", "a session token does not approve", {
        next: "Approving asks for a login of its own: use `sallyport approvals`.",
      });
    const { issuer, claims } = await verify(token, "admin");
    const { authenticated } = rawSession(token, issuer, claims, "admin", () => true);
    refuseEnded(endedBy(authenticated.session.id));
    return authenticated;
  }

  async function fromSessionToken(token: string): Promise<VerifiedEntry> {
    const claims = await sessionTokens.verify(token);
    return {
      authenticated: frozen({
        identity: {
          ...knownIssuer(claims),
          roles: rolesOf(config, claims.identity),
          audience: "data",
          expiresAt: claims.exp * 1000,
        },
        session: { ...claims.session, source: "session-token" },
      }),
      trusted: () => true,
      endedBy: endedBy(claims.session.id),
    };
  }

  async function fromIdToken(token: string): Promise<VerifiedEntry> {
    const { issuer, claims, generation } = await verify(token, "data");
    return rawSession(token, issuer, claims, "data", () => issuer.keys.trusts(generation));
  }

  async function verify(token: string, audience: "data" | "admin") {
    const issuer = issuerOf(issuers, peek(token).claims.iss);
    if (issuer === undefined)
      throw new Refusal("unauthenticated", "the token is from an issuer that the gateway does not know", {
        next: "Log in with the gateway's own issuer: `sallyport login`.",
      });
    const { claims, generation } = await verifyIdToken(token, issuer, audience, clock);
    return { issuer, claims, generation };
  }

  /** An ID token is a session of its own, from when it was issued: the same on every replica. */
  function rawSession(
    token: string,
    issuer: TrustedIssuer,
    claims: IdTokenClaims,
    audience: "data" | "admin",
    trusted: () => boolean,
  ): VerifiedEntry {
    const mapped = mapClaims(issuer.config, claims);
    const startedAt = claims.iat * 1000;
    const limitAt = Math.min(startedAt + limitSeconds * 1000, claims.exp * 1000);
    if (limitAt <= clock.now() - issuer.config.clockSkewSeconds * 1000)
      throw new Refusal("unauthenticated", "the session has reached its limit", {
        next: "Log in again: `sallyport login`.",
      });
    const origins = hmacKeys.map((key) => originOf(key, claims.iss, claims.sub, token));
    const id = origins[0] as string;
    return {
      authenticated: frozen({
        identity: identityOf(issuer, claims, mapped, audience, limitAt + issuer.config.clockSkewSeconds * 1000),
        session: {
          id,
          startedAt,
          limitAt,
          agent: mapped.agent,
          reason: "",
          owner: { issuer: issuer.config.name, username: mapped.username },
          labels: {},
          source: "id-token",
        },
      }),
      trusted,
      endedBy: origins.flatMap((origin) => [origin, barred(origin)]),
    };
  }

  function identityOf(
    issuer: TrustedIssuer,
    claims: IdTokenClaims,
    mapped: MappedClaims,
    audience: "data" | "admin",
    expiresAt: number,
  ): Identity {
    return {
      issuer: issuer.config.name,
      username: mapped.username,
      uid: mapped.uid,
      groups: mapped.groups,
      roles: rolesOf(config, mapped),
      extra: {},
      audience,
      ...(typeof claims.auth_time === "number" ? { authTime: claims.auth_time } : {}),
      hasActor: claims.act !== undefined,
      expiresAt,
    };
  }

  /** A session outlives neither its issuer's place in the configuration nor its own end. */
  function knownIssuer(claims: SessionClaims): SessionClaims["identity"] {
    if (config.issuers.some((issuer) => issuer.name === claims.identity.issuer)) return claims.identity;
    throw new Refusal("unauthenticated", "the session's issuer is no longer one of the gateway's", {
      next: "Log in again: `sallyport login`.",
    });
  }

  async function exchange(request: ExchangeRequest): Promise<ExchangeResponse> {
    if (request.subjectTokenType === "access_token") return renew(request.subjectToken);
    const subject = await subjectOf(request.subjectToken);
    const caller = request.actorToken === undefined ? subject : await subjectOf(request.actorToken);
    const origins = caller === subject ? [caller.session.id] : [caller.session.id, subject.session.id];
    const { issuer, username, uid, groups, extra, authTime, hasActor } = caller.identity;
    const session = {
      id: newSessionId(origins),
      startedAt: clock.now(),
      limitAt: clock.now() + limitSeconds * 1000,
      agent: request.agent || caller.session.agent,
      reason: request.reason,
      owner: { issuer: subject.identity.issuer, username: subject.identity.username },
      labels: request.labels,
    };
    const acts = hasActor || caller !== subject;
    return issued({ issuer, username, uid, groups, extra, authTime, hasActor: acts }, session);
  }

  /** Whose ID token it is. A session token is refused here, so that exchanging never lengthens a session. */
  async function subjectOf(token: string): Promise<Authenticated> {
    if (isSessionToken(token))
      throw new Refusal("bad-request", "a session token is renewed with subject_token_type access_token");
    return authenticate(token, "data");
  }

  async function renew(token: string): Promise<ExchangeResponse> {
    if (!isSessionToken(token))
      throw new Refusal("unauthenticated", "only a session token is renewed", {
        next: "Send an ID token with subject_token_type id_token.",
      });
    const claims = await sessionTokens.verify(token, true);
    refuseEnded(endedBy(claims.session.id));
    return issued(knownIssuer(claims), claims.session);
  }

  async function issued(
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

  function refuseEnded(ids: readonly string[]): void {
    for (const id of ids) {
      if (ended.has(id))
        throw new Refusal("session-ended", "the session was ended", {
          next: "Log in again for a new one: `sallyport login`.",
        });
    }
  }

  function endSession(sessionId: string): void {
    if (ended.has(sessionId)) return;
    // No token is good for longer than the limit after its issue: then there is nothing left to remember.
    const until = clock.now() + (limitSeconds + 600) * 1000;
    for (const origin of originsIn(sessionId)) ended.add(barred(origin), until);
    ended.add(sessionId, until);
    for (const listener of listeners) listener(sessionId);
  }

  return {
    authenticate,
    exchange,
    endSession,
    isEnded: (sessionId) => endedBy(sessionId).some((id) => ended.has(id)),
    onSessionEnd(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    jwks: () => ({ keys: sessionKeys.map((key) => key.publicJwk) }),
    close: async () => void (await Promise.all(issuers.map((issuer) => issuer.fetcher.close()))),
  };
}

/** By the header's typ alone: what it says is believed only after the one check or the other. */
function isSessionToken(token: string): boolean {
  return peek(token).header.typ === SESSION_TOKEN_TYP;
}

/** An ID token that may make no session any more, though other sessions of it may go on. */
function barred(origin: string): string {
  return `from:${origin}`;
}

/** What ends a session: its own id, and the id of the raw session of a token that it was made from. */
function endedBy(sessionId: string): string[] {
  const origins = originsIn(sessionId);
  return origins.length === 1 && origins[0] === sessionId ? [sessionId, barred(sessionId)] : [sessionId, ...origins];
}

/** Shared by all requests of a token, so nobody may change it. */
function frozen(authenticated: Authenticated): Authenticated {
  Object.freeze(authenticated.identity.groups);
  Object.freeze(authenticated.identity.roles);
  Object.freeze(authenticated.identity);
  Object.freeze(authenticated.session);
  return Object.freeze(authenticated);
}
