import type { JWK } from "jose";
import type { Clock } from "../base/clock.ts";
import type { GatewayConfig } from "../base/config/gateway.ts";
import { Refusal } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { createEndedSessions, type EndedSessions } from "./ended-sessions.ts";
import { type ExchangeResponse, exchange } from "./exchange.ts";
import type { ExchangeRequest } from "./exchange-request.ts";
import { createJsonFetcher } from "./fetch-json.ts";
import { idTokenSession } from "./id-token-session.ts";
import { issuerOf } from "./issuer.ts";
import { IssuerKeys } from "./keys.ts";
import type { SessionKey } from "./keys-file.ts";
import { rolesOf } from "./roles.ts";
import { endedBy, SessionEnds } from "./session-ends.ts";
import { isSessionToken, SessionTokens } from "./session-token.ts";
import type { Authenticated } from "./types.ts";
import { type VerifiedEntry, VerifiedTokens } from "./verified-tokens.ts";
import { peek, verifyIdToken } from "./verify.ts";

export interface Authenticator {
  /**
   * Who sends a token. For `data` the answer is synchronous where the token was verified before and nothing
   * has changed since: it costs some 0.5 µs. For `admin` only ID tokens for the issuer's adminAudience pass,
   * logged in within five minutes, with no actor. Throws (or rejects with) Refusal `unauthenticated`,
   * `forbidden`, `session-ended`, `identity-unavailable`.
   */
  authenticate(token: string, audience: "data" | "admin"): Authenticated | Promise<Authenticated>;
  /** `POST /session`. Refusals as above. */
  exchange(request: ExchangeRequest): Promise<ExchangeResponse>;
  /**
   * Ends a session for good, here: its tokens, and any new session from the ID tokens that it was made from. `until`
   * (milliseconds since the epoch): nothing of it could be valid after that; by the configuration where absent.
   */
  endSession(sessionId: string, until?: number): void;
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
  if (hmacKeys.length === 0) throw new TypeError("at least one HMAC key is needed");
  const { tokenSeconds, idleSeconds, limitSeconds } = config.sessions;
  const ends = new SessionEnds({ ended: options.ended ?? createEndedSessions(clock), limitSeconds, clock, log });
  const issuers = config.issuers.map((issuer) => {
    const fetcher = createJsonFetcher(issuer.caFile);
    const { staleKeysSeconds } = issuer;
    const keys = new IssuerKeys({ issuer: issuer.issuer, staleKeysSeconds, fetcher, clock, log });
    return { config: issuer, fetcher, keys };
  });
  const sessionTokens = new SessionTokens({
    issuer: config.listen.url,
    issuerNames: config.issuers.map((issuer) => issuer.name),
    tenant: config.tenant,
    keys: sessionKeys,
    tokenSeconds,
    idleSeconds,
    clock,
  });
  const verifiedTokens = new VerifiedTokens();
  const verifying = new Map<string, Promise<Authenticated>>();

  function authenticateData(token: string): Authenticated | Promise<Authenticated> {
    const known = verifiedTokens.get(token);
    if (known !== undefined) {
      if (known.authenticated.identity.expiresAt > clock.now() && known.trusted()) {
        ends.refuse(known.endedBy);
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
    ends.refuse(entry.endedBy);
    freeze(entry.authenticated);
    verifiedTokens.set(token, entry);
    return entry.authenticated;
  }

  async function fromSessionToken(token: string): Promise<VerifiedEntry> {
    const { identity, session, exp } = await sessionTokens.verify(token);
    return {
      authenticated: {
        identity: { ...identity, roles: rolesOf(config, identity), audience: "data", expiresAt: exp * 1000 },
        session: { ...session, source: "session-token" },
      },
      trusted: () => true,
      endedBy: endedBy(session.id),
    };
  }

  async function fromIdToken(token: string): Promise<VerifiedEntry> {
    const { issuer, claims, generation } = await verify(token, "data");
    const made = idTokenSession({ token, issuer, claims }, "data", options);
    return { ...made, trusted: () => issuer.keys.trusts(generation) };
  }

  async function authenticateAdmin(token: string): Promise<Authenticated> {
    if (isSessionToken(token))
      throw new Refusal("forbidden", "a session token does not approve", {
        next: "Approving asks for a login of its own: use `sallyport approvals`.",
      });
    const { issuer, claims } = await verify(token, "admin");
    const made = idTokenSession({ token, issuer, claims }, "admin", options);
    ends.refuse(made.endedBy);
    return made.authenticated;
  }

  async function verify(token: string, audience: "data" | "admin") {
    const issuer = issuerOf(issuers, peek(token).claims.iss);
    if (issuer === undefined)
      throw new Refusal("unauthenticated", "the token is from an issuer that the gateway does not know", {
        next: "Log in with the gateway's own issuer: `sallyport login`.",
      });
    return { issuer, ...(await verifyIdToken(token, issuer, audience, clock)) };
  }

  return {
    authenticate: (token, audience) => (audience === "admin" ? authenticateAdmin(token) : authenticateData(token)),
    exchange: (request) =>
      exchange(request, { authenticate: authenticateData, sessionTokens, ends, limitSeconds, clock }),
    endSession: (sessionId, until) => ends.end(sessionId, until),
    isEnded: (sessionId) => ends.isEnded(sessionId),
    onSessionEnd: (listener) => ends.onEnd(listener),
    jwks: () => ({ keys: sessionKeys.map((key) => key.publicJwk) }),
    close: async () => void (await Promise.all(issuers.map((issuer) => issuer.fetcher.close()))),
  };
}

/** Shared by all requests of a token, so nobody may change it. */
function freeze({ identity, session }: Authenticated): void {
  for (const part of [identity.groups, identity.roles, identity, session]) Object.freeze(part);
}
