import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Clock } from "../base/clock.ts";
import { Refusal } from "../base/errors.ts";
import { uuid7 } from "../base/uuid7.ts";
import type { SessionKey } from "./keys-file.ts";
import type { Session } from "./types.ts";
import { MAX_TOKEN_CHARS, peek } from "./verify.ts";

/** RFC 8725 §3.11: an explicit type, so that no ID token is ever taken for a session token, nor the reverse. */
export const SESSION_TOKEN_TYP = "sallyport-session+jwt";

const claimsSchema = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  sub: z.string(),
  iat: z.int(),
  exp: z.int(),
  jti: z.string(),
  tenant: z.string(),
  identity: z.strictObject({
    issuer: z.string(),
    username: z.string(),
    uid: z.string(),
    groups: z.array(z.string()),
    extra: z.record(z.string(), z.array(z.string())),
    hasActor: z.boolean(),
    authTime: z.number().optional(),
  }),
  session: z.strictObject({
    id: z.string(),
    startedAt: z.number(),
    limitAt: z.number(),
    agent: z.string(),
    reason: z.string(),
    owner: z.strictObject({ issuer: z.string(), username: z.string() }),
    labels: z.record(z.string(), z.string()),
  }),
});

/** All that a replica needs to know, so that replicas share nothing. Roles are not in it: the configuration decides. */
export type SessionClaims = z.output<typeof claimsSchema>;
export type SessionIdentity = SessionClaims["identity"];

/** By the header's typ alone: what it says is believed only after the one check or the other. */
export function isSessionToken(token: string): boolean {
  return peek(token).header.typ === SESSION_TOKEN_TYP;
}

export interface SessionTokensOptions {
  /** Names of the configured issuers: a session ends with its issuer's place among them. */
  issuerNames: readonly string[];
  /** `listen.url`. */
  issuer: string;
  tenant: string;
  keys: SessionKey[];
  tokenSeconds: number;
  idleSeconds: number;
  clock: Clock;
}

/** Issues and checks gateway session tokens (ES256). They are signed by one key and verified by all. */
export class SessionTokens {
  readonly #options: SessionTokensOptions;
  constructor(options: SessionTokensOptions) {
    this.#options = options;
  }

  async issue(
    identity: SessionIdentity,
    session: Omit<Session, "source">,
  ): Promise<{ token: string; expiresInSeconds: number }> {
    const { clock, issuer, tenant, keys, tokenSeconds, idleSeconds } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    const exp = Math.min(now + Math.min(tokenSeconds, idleSeconds), Math.floor(session.limitAt / 1000));
    if (exp <= now) throw over();
    const [signer] = keys;
    if (signer?.privateKey === undefined) throw new TypeError("no session key that signs");
    const token = await new SignJWT({ tenant, identity, session } as unknown as JWTPayload)
      .setProtectedHeader({ alg: "ES256", typ: SESSION_TOKEN_TYP, kid: signer.kid })
      .setIssuer(issuer)
      .setAudience(issuer)
      .setSubject(identity.username)
      .setIssuedAt(now)
      .setExpirationTime(exp)
      .setJti(uuid7(clock.now()))
      .sign(signer.privateKey);
    if (token.length > MAX_TOKEN_CHARS)
      throw new Refusal("bad-request", "the identity has too many groups for a session token", {
        next: "Have the identity provider send only the groups that are assigned to this application.",
      });
    return { token, expiresInSeconds: exp - now };
  }

  /**
   * A session token's claims. With `renewal`, one that expired within the idle limit passes: that is how
   * long a session may be quiet, as far as a gateway that keeps no state can tell.
   */
  async verify(token: string, renewal = false): Promise<SessionClaims> {
    const { clock, issuer, issuerNames, tenant, keys, tokenSeconds, idleSeconds } = this.#options;
    const clockTolerance = renewal ? Math.max(0, idleSeconds - tokenSeconds) : 0;
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid }) => {
          const key = keys.find((candidate) => candidate.kid === kid);
          if (key === undefined) throw new errors.JWKSNoMatchingKey();
          return key.publicKey;
        },
        {
          algorithms: ["ES256"],
          typ: SESSION_TOKEN_TYP,
          issuer,
          audience: issuer,
          clockTolerance,
          currentDate: new Date(clock.now()),
          requiredClaims: ["exp", "iat", "sub", "jti"],
        },
      );
      const claims = claimsSchema.parse(payload);
      if (claims.tenant !== tenant) throw new Error("another tenant's session");
      if (!issuerNames.includes(claims.identity.issuer))
        throw new Error("the session's issuer is no longer configured");
      if (claims.session.limitAt <= clock.now()) throw over();
      return claims;
    } catch (cause) {
      if (cause instanceof Refusal) throw cause;
      const expired = cause instanceof errors.JWTExpired;
      throw new Refusal(
        "unauthenticated",
        expired ? "the session token has expired" : "the session token is not valid",
        {
          next: "Get a new one with `sallyport credential`, or log in again: `sallyport login`.",
          cause,
        },
      );
    }
  }
}

/** Not `session-ended`, which is for sessions that somebody ended: those a client must not open again by itself. */
function over(): Refusal {
  return new Refusal("unauthenticated", "the session has reached its limit", {
    next: "Start a new one: `sallyport login`.",
  });
}
