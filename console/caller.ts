import type { FastifyRequest } from "fastify";
import { Refusal } from "../base/errors.ts";
import type { Authenticated, Identity } from "../identity/types.ts";
import type { ConsoleDeps } from "./deps.ts";

function bearer(request: FastifyRequest): string {
  // Node joins repeated headers of most kinds; an Authorization header it keeps the first of (RFC 9110 §5.3).
  const [scheme, token, ...rest] = (request.headers.authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "bearer" || token === undefined || token === "" || rest.length > 0) {
    throw new Refusal("unauthenticated", "this needs a bearer token", { next: "Log in: `sallyport login`." });
  }
  return token;
}

/** Whether a token says that it is for approving. Unverified: it only chooses which whole check it must pass. */
function claimsAdmin(token: string, config: ConsoleDeps["config"]): boolean {
  try {
    const { iss, aud } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const { adminAudience } = config.issuers.find(({ issuer }) => issuer === iss) ?? {};
    return adminAudience !== undefined && [aud].flat().includes(adminAudience);
  } catch {
    return false; // no JWT: the check for the data path says why it is refused
  }
}

/** Who reads: any valid token, for the data path or for approving. */
export async function reader(deps: ConsoleDeps, request: FastifyRequest): Promise<Authenticated> {
  const token = bearer(request);
  return deps.authenticator.authenticate(token, claimsAdmin(token, deps.config) ? "admin" : "data");
}

/** Who reads, or undefined where the request has no token at all; a bad one is still refused. */
export async function readerIfAny(deps: ConsoleDeps, request: FastifyRequest): Promise<Authenticated | undefined> {
  return request.headers.authorization === undefined ? undefined : reader(deps, request);
}

/** Who decides: a token for the admin audience, from a login within five minutes, with no actor (contracts §5). */
export async function admin(deps: ConsoleDeps, request: FastifyRequest): Promise<Identity> {
  const { identity } = await deps.authenticator.authenticate(bearer(request), "admin");
  // The authenticator has refused all of these already; that nothing but this gate stands before a merge is
  // why it is checked twice.
  if (identity.audience !== "admin" || identity.hasActor || identity.authTime === undefined) {
    throw new Refusal("forbidden", "this token cannot decide about approvals", { next: "Use `sallyport approvals`." });
  }
  return identity;
}

export function isAuditor(identity: Identity): boolean {
  return identity.roles.includes("auditor");
}

/** "Not yours" and "not there" are the same answer (contracts §5). */
export function notThere(): Refusal {
  return new Refusal("not-found", "there is no such thing here");
}
