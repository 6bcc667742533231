import type { ExceptionLimits } from "../../base/config/guardrails.ts";
import type { ConfigIssue } from "../../base/config/issues.ts";
import { type StandingException, type Wildcard, wildcardsOf } from "./exception.ts";

const DAY_MS = 86_400_000;

/** `exceptions` of the guardrails in force, and what the policy knows of the rules that an exception names. */
export interface StandingLimits extends ExceptionLimits {
  /** Why it would lift nothing; undefined where it may lift something. */
  idle?(exception: StandingException): ConfigIssue | undefined;
}

/** What a file that is well-formed is judged by. */
export interface Meaning {
  limits: StandingLimits;
  /** Whether a username is a listed person's; undefined where nobody is known (a check that is given no people). */
  listed: ((username: string) => boolean) | undefined;
  /** Milliseconds since the epoch. */
  now: number;
}

const PATHS: Record<Wildcard, string> = {
  subjects: "spec.subjects",
  namespaces: "spec.match.namespaces",
  resources: "spec.match.resources",
};

/**
 * Why a standing exception may not stand: it is wider than the guardrails allow, reaches further into the future than
 * they allow from now on, would lift nothing, or nobody answers for it. Its own end is no mistake: what has expired lifts nothing.
 */
export function meaningIssues(exception: StandingException, { limits, listed, now }: Meaning): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const open of wildcardsOf(exception)) {
    if (limits.wildcards.includes(open)) continue;
    issues.push({
      path: PATHS[open],
      message: "is left open, and the guardrails (exceptions.wildcards) do not allow it",
    });
  }
  if (exception.notAfter - now > limits.maxLifeDays * DAY_MS) {
    const latest = new Date(now + limits.maxLifeDays * DAY_MS).toISOString();
    issues.push({
      path: "spec.notAfter",
      message: `is more than ${limits.maxLifeDays} days ahead (exceptions.maxLifeDays of the guardrails): at most ${latest}`,
    });
  }
  const idle = limits.idle?.(exception);
  if (idle !== undefined) issues.push(idle);
  const owner = ownerIssue(exception.owner, listed);
  if (owner !== undefined) issues.push({ path: "spec.owner", message: owner });
  return issues;
}

/** A group is taken at its word: who is in it, only its issuer knows. */
function ownerIssue(owner: string, listed: Meaning["listed"]): string | undefined {
  if (owner === "user:") return "nobody answers for it: name user:<username> or group:<group>, or requestedBy.username";
  if (listed === undefined || !owner.startsWith("user:") || listed(owner.slice("user:".length))) return undefined;
  return `"${owner}" is no person of people in sallyport.yaml, and an agent answers for nothing`;
}
