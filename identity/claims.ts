import type { IssuerConfig } from "../base/config/gateway.ts";
import { Refusal } from "../base/errors.ts";

/** Entra leaves groups out above 200; a header with more would not reach the API server anyway. */
export const MAX_GROUPS = 256;
const MAX_TEXT = 256;
// Control and format characters (zero-width, right-to-left override), line separators, lone surrogates: what a
// name shows must be what it is, in a terminal, a pull request and an Impersonate-* header.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

export interface MappedClaims {
  username: string;
  uid: string;
  groups: string[];
  /** The claim that names an agent, where the issuer's configuration maps one; else empty. */
  agent: string;
}

/**
 * A token's claims as the gateway's names, each with the issuer's mandatory prefix. A claim of any other
 * shape than the documented ones is a Refusal `unauthenticated`: guessing would be granting.
 */
export function mapClaims(config: IssuerConfig, claims: Record<string, unknown>): MappedClaims {
  const { username, uid, groups, agent } = config.claims;
  requireClaims(config, claims);
  // As kube-apiserver does for the claim named email: an unverified address is anybody's.
  if (username === "email" && claims.email_verified !== undefined && claims.email_verified !== true)
    throw refused("the token's email is not verified");
  return {
    username: prefixed(config.prefix.username, text(claimAt(claims, username), username), username),
    uid: text(claimAt(claims, uid), uid),
    groups: groups === undefined ? [] : groupsOf(config, claims, groups),
    agent: agent === undefined || claimAt(claims, agent) === undefined ? "" : text(claimAt(claims, agent), agent),
  };
}

/** A claim by its name, else by its path (`realm_access.roles`): names with dots and slashes come first. */
export function claimAt(claims: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const part of path.split(".")) {
    if (value === null || typeof value !== "object" || Array.isArray(value) || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function requireClaims(config: IssuerConfig, claims: Record<string, unknown>): void {
  for (const [path, expected] of Object.entries(config.require)) {
    if (claimAt(claims, path) !== expected)
      throw refused(`the token's claim ${path} is not ${JSON.stringify(expected)}, which the gateway requires`);
  }
}

/** A list of strings or one string, which is one group: never split on commas (Pomerium's reproxy did). */
function groupsOf(config: IssuerConfig, claims: Record<string, unknown>, path: string): string[] {
  refuseOverage(claims, path);
  const value = claimAt(claims, path);
  if (value === undefined) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > MAX_GROUPS) throw refused(`the token names ${list.length} groups, more than ${MAX_GROUPS}`);
  return [...new Set(list.map((group) => prefixed(config.prefix.groups, text(group, path), path)))];
}

/**
 * Entra leaves the groups of large memberships out and points at a URL instead (`_claim_names.groups`,
 * `hasgroups`). Half of somebody's groups is a wrong answer, and a URL out of a token is never followed.
 */
function refuseOverage(claims: Record<string, unknown>, path: string): void {
  const names = claims._claim_names;
  const head = path.split(".")[0] ?? path;
  const elsewhere =
    names !== null && typeof names === "object" && (Object.hasOwn(names, path) || Object.hasOwn(names, head));
  if (elsewhere || (claims.hasgroups !== undefined && claims.hasgroups !== false && claims.hasgroups !== "false")) {
    throw refused("the token leaves its groups out, because there are too many of them", {
      next: "Have the identity provider send only the groups that are assigned to this application.",
    });
  }
}

function text(value: unknown, path: string): string {
  if (typeof value !== "string") throw refused(`the token's claim ${path} has a shape that the gateway does not take`);
  if (value.trim() === "" || value.length > MAX_TEXT || UNPRINTABLE.test(value))
    throw refused(`the token's claim ${path} is empty, longer than ${MAX_TEXT}, or holds unprintable characters`);
  return value;
}

/** The last word on names of the cluster's own, whatever prefix and claim make together. */
function prefixed(prefix: string, value: string, path: string): string {
  const name = `${prefix}${value}`;
  if (prefix === "" || name.startsWith("system:"))
    throw refused(`the token's claim ${path} would become a name of the cluster's own`);
  return name;
}

function refused(message: string, details: { next?: string } = {}): Refusal {
  return new Refusal("unauthenticated", message, details);
}
