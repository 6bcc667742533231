import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from "jose";
import type { Clock } from "../base/clock.ts";
import type { IssuerConfig } from "../base/config/gateway.ts";
import { Refusal } from "../base/errors.ts";
import type { IssuerKeys } from "./keys.ts";

/** Node's own limit for all headers together is 16 KiB. */
export const MAX_TOKEN_CHARS = 12 * 1024;
/** Design §2: who approves has authenticated within five minutes. */
export const ADMIN_AUTH_SECONDS = 300;

/** An issuer of the configuration with its keys. */
export interface TrustedIssuer {
  config: IssuerConfig;
  keys: IssuerKeys;
}

export type IdTokenClaims = JWTPayload & { iss: string; sub: string; exp: number; iat: number; auth_time?: number };

export interface VerifiedToken {
  claims: IdTokenClaims;
  /** Of the issuer's key set that verified it. */
  generation: number;
}

/** What a token says of itself, before anything is believed. Refusal `unauthenticated` where it is no JWS. */
export function peek(token: string): { header: ProtectedHeaderParameters; claims: JWTPayload } {
  if (token.length > MAX_TOKEN_CHARS) throw refused(`the token is longer than ${MAX_TOKEN_CHARS} characters`);
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch (cause) {
    throw refused("the bearer token is not a JSON Web Token", cause);
  }
}

/**
 * Checks an ID token of an issuer that was chosen by exact match of `iss`. jose passes tokens without `exp`,
 * with an `iat` in the future and with a second audience (measured): what follows its call is for those.
 * Refusals `unauthenticated`, `forbidden` (an admin token that is too old) and `identity-unavailable`.
 */
export async function verifyIdToken(
  token: string,
  issuer: TrustedIssuer,
  audience: "data" | "admin",
  clock: Clock,
): Promise<VerifiedToken> {
  const { config } = issuer;
  const { header } = peek(token);
  const audiences =
    audience === "data" ? config.audiences : config.adminAudience === undefined ? [] : [config.adminAudience];
  if (audiences.length === 0) throw forbidden(`the issuer ${config.name} has no audience for approving`);
  // RFC 8725 §3.11: a logout token or an access token of the same issuer is no ID token.
  if (header.typ !== undefined && !/^(application\/)?jwt$/i.test(header.typ))
    throw refused(`a token of type ${JSON.stringify(header.typ).slice(0, 40)} is no ID token`);
  if (!(config.algorithms as string[]).includes(header.alg ?? ""))
    throw refused("the token is signed with an algorithm that its issuer is not configured for");
  const { key, generation } = await issuer.keys.keyFor({ ...header, alg: header.alg ?? "" });
  const claims = await verified(token, key, config, audiences, clock);
  checkSubject(claims, config, clock);
  checkParty(claims, config, audiences);
  // OpenID Connect Back-Channel Logout 1.0 §2.4: `events` marks a logout token, whatever its typ says.
  if (claims.events !== undefined) throw refused("a logout token is no ID token");
  if (audience === "admin") checkAdmin(claims, config, clock);
  return { claims, generation };
}

async function verified(token: string, key: CryptoKey, config: IssuerConfig, audience: string[], clock: Clock) {
  try {
    const { payload } = await jwtVerify<IdTokenClaims>(token, key, {
      algorithms: config.algorithms,
      issuer: config.issuer,
      audience,
      clockTolerance: config.clockSkewSeconds,
      currentDate: new Date(clock.now()),
      requiredClaims: ["exp", "iat", "sub"],
    });
    return payload;
  } catch (error) {
    throw refused(reason(error), error);
  }
}

function reason(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "the token has expired";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature is wrong";
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === "missing") return `the token has no ${error.claim}`;
    if (error.claim === "nbf") return "the token is not valid yet";
    if (error.claim === "aud") return "the token is for another audience";
    return `the token's claim ${error.claim} is wrong`;
  }
  return "the token is malformed";
}

function checkSubject(claims: IdTokenClaims, config: IssuerConfig, clock: Clock): void {
  const now = Math.floor(clock.now() / 1000);
  if (claims.iat > now + config.clockSkewSeconds) throw refused("the token was issued in the future");
  if (typeof claims.sub !== "string" || claims.sub === "") throw refused("the token's claim sub is wrong");
}

/**
 * OpenID Connect Core 1.0 §3.1.3.7 (3–5): several audiences need an authorized party, and a party that is
 * named must be one of ours, or a token that was issued to any other client of the issuer would do.
 */
function checkParty(claims: IdTokenClaims, config: IssuerConfig, audiences: string[]): void {
  const several = Array.isArray(claims.aud) && claims.aud.length > 1;
  if (claims.azp === undefined) {
    if (several) throw refused("the token has several audiences and no azp");
    return;
  }
  const parties = config.authorizedParties.length > 0 ? [...config.authorizedParties] : [...config.audiences];
  if (config.authorizedParties.length === 0 && config.clientId !== undefined) parties.push(config.clientId);
  if (config.adminAudience !== undefined && audiences.includes(config.adminAudience))
    parties.push(config.adminAudience);
  if (typeof claims.azp !== "string" || !parties.includes(claims.azp))
    throw refused("the token was issued to a client that the gateway does not know");
}

function checkAdmin(claims: IdTokenClaims, config: IssuerConfig, clock: Clock): void {
  if (claims.act !== undefined) throw forbidden("a token with an actor does not approve");
  const age = Math.floor(clock.now() / 1000) - (typeof claims.auth_time === "number" ? claims.auth_time : Number.NaN);
  if (Number.isNaN(age)) throw forbidden("the token does not say when its owner logged in (auth_time)");
  if (age > ADMIN_AUTH_SECONDS || age < -config.clockSkewSeconds)
    throw forbidden("the login behind this token is older than five minutes");
}

function refused(message: string, cause?: unknown): Refusal {
  return new Refusal("unauthenticated", message, { next: "Log in again: `sallyport login`.", cause });
}

function forbidden(message: string): Refusal {
  return new Refusal("forbidden", message, { next: "Log in again for approving; the login is asked for each time." });
}
