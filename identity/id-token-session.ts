import type { Clock } from "../base/clock.ts";
import type { GatewayConfig } from "../base/config/gateway.ts";
import { Refusal } from "../base/errors.ts";
import { mapClaims } from "./claims.ts";
import { rolesOf } from "./roles.ts";
import { barred } from "./session-ends.ts";
import { originOf } from "./session-id.ts";
import type { Authenticated } from "./types.ts";
import type { IdTokenClaims, TrustedIssuer } from "./verify.ts";

export interface IdTokenSessionOptions {
  config: Pick<GatewayConfig, "roles" | "sessions">;
  /** The first makes session ids, all recognise ended ones. */
  hmacKeys: readonly Uint8Array[];
  clock: Clock;
}

/**
 * Who a verified ID token is, and the session that it is by itself: from when it was issued, the same on every
 * replica. Refusal `unauthenticated` for claims of odd shapes, and past the session's limit.
 */
export function idTokenSession(
  { token, issuer, claims }: { token: string; issuer: TrustedIssuer; claims: IdTokenClaims },
  audience: "data" | "admin",
  { config, hmacKeys, clock }: IdTokenSessionOptions,
): { authenticated: Authenticated; endedBy: string[] } {
  const { name, clockSkewSeconds } = issuer.config;
  const { agent, ...names } = mapClaims(issuer.config, claims);
  const startedAt = claims.iat * 1000;
  const limitAt = Math.min(startedAt + config.sessions.limitSeconds * 1000, claims.exp * 1000);
  const expiresAt = limitAt + clockSkewSeconds * 1000;
  if (expiresAt <= clock.now())
    throw new Refusal("unauthenticated", "the session has reached its limit", {
      next: "Log in again: `sallyport login`.",
    });
  const origins = hmacKeys.map((key) => originOf(key, claims.iss, claims.sub, token));
  return {
    authenticated: {
      identity: {
        issuer: name,
        ...names,
        roles: rolesOf(config, names),
        extra: {},
        audience,
        ...(typeof claims.auth_time === "number" ? { authTime: claims.auth_time } : {}),
        hasActor: claims.act !== undefined,
        expiresAt,
      },
      session: {
        id: origins[0] ?? "",
        startedAt,
        limitAt,
        agent,
        reason: "",
        owner: { issuer: name, username: names.username },
        labels: {},
        source: "id-token",
      },
    },
    endedBy: origins.flatMap((origin) => [origin, barred(origin)]),
  };
}
