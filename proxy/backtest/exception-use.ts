import type { StandingException } from "../../approvals/standing/exception.ts";
import { globsSelect } from "../../base/globs.ts";
import type { RecordedDecision } from "./recorded.ts";

/** One thing that an exception allows and its use does not need. */
export interface Wider {
  /** `spec.match.namespaces` and the like. */
  path: string;
  allows: string[];
  /** What was used of it, the first few. */
  used: string[];
}

/** How an exception was used, by what is on record. */
export interface ExceptionUse {
  name: string;
  /** Decisions of which it lifted something. */
  uses: number;
  /** RFC 3339, of the latest; absent where it was never used. */
  lastUsedAt?: string;
  notAfter: string;
  expired: boolean;
  expiring: boolean;
  wider: Wider[];
}

export interface UseOptions {
  /** Milliseconds since the epoch. */
  now: number;
  /** What ends within so many milliseconds is expiring. */
  soonMs: number;
}

/** Values that are named; more of them say that what is open is needed. */
const FEW = 3;

type Dimension = "rules" | "subjects" | "verbs" | "resources" | "namespaces" | "names";

interface Seen {
  uses: number;
  lastUsedAt: string;
  /** Of some use it is not on record whose it was, and of what. */
  partly: boolean;
  of: Record<Dimension, Set<string>>;
  /** Whose requests, for subjects that are groups: `user/…` and each of the caller's groups are in `of.subjects`. */
  people: Set<string>;
}

/** What each exception was used for, of what is on record: never, and for less than it allows. */
export async function exceptionUses(
  decisions: AsyncIterable<RecordedDecision> | Iterable<RecordedDecision>,
  exceptions: readonly StandingException[],
  options: UseOptions,
): Promise<ExceptionUse[]> {
  const seen = new Map(exceptions.map(({ name }) => [name, nothing()]));
  for await (const recorded of decisions) {
    for (const [name, rules] of liftedIn(recorded)) {
      const use = seen.get(name);
      if (use !== undefined) add(use, recorded, rules);
    }
  }
  return exceptions.map((exception) => useOf(exception, seen.get(exception.name) ?? nothing(), options));
}

function nothing(): Seen {
  const none = (): Set<string> => new Set();
  const of = { rules: none(), subjects: none(), verbs: none(), resources: none(), namespaces: none(), names: none() };
  return { uses: 0, lastUsedAt: "", partly: false, of, people: none() };
}

function liftedIn({ findings }: RecordedDecision): Map<string, string[]> {
  const lifted = new Map<string, string[]>();
  for (const { rule, exception } of findings) {
    if (exception !== undefined) lifted.set(exception, [...(lifted.get(exception) ?? []), rule]);
  }
  return lifted;
}

function add(use: Seen, { at, who, input }: RecordedDecision, rules: readonly string[]): void {
  use.uses++;
  if (at > use.lastUsedAt) use.lastUsedAt = at;
  for (const rule of rules) use.of.rules.add(rule);
  use.people.add(who);
  if (input === undefined) {
    use.partly = true;
    return;
  }
  const { request, user } = input;
  use.of.subjects.add(`${user.issuer}/${user.username}`);
  for (const group of user.groups) use.of.subjects.add(group);
  use.of.verbs.add(request.operation === "CONNECT" ? "connect" : request.verb);
  const sub = request.subResource === "" ? "" : `/${request.subResource}`;
  use.of.resources.add(`${request.resource.group}/${request.resource.resource}${sub}`);
  if (request.namespace !== "") use.of.namespaces.add(request.namespace);
  if (request.name !== "") use.of.names.add(request.name);
}

function useOf(exception: StandingException, seen: Seen, { now, soonMs }: UseOptions): ExceptionUse {
  const { name, notAfter } = exception;
  return {
    name,
    uses: seen.uses,
    ...(seen.uses === 0 ? {} : { lastUsedAt: seen.lastUsedAt }),
    notAfter: new Date(notAfter).toISOString(),
    expired: notAfter <= now,
    expiring: notAfter > now && notAfter - now <= soonMs,
    wider: seen.uses === 0 ? [] : widerThan(exception, seen),
  };
}

function widerThan({ rules, subjects, match }: StandingException, { of, people, partly }: Seen): Wider[] {
  const wider: Wider[] = [];
  const unused = rules.filter((rule) => !of.rules.has(rule));
  if (unused.length > 0) wider.push({ path: "spec.rules", allows: [...rules], used: [...of.rules] });
  if (partly) return wider;
  const allowed = subjects.map((one) => ("group" in one ? one.group : `${one.issuer}/${one.username}`));
  const open = subjects.length === 0 || subjects.some((one) => "group" in one);
  if ((open && people.size <= FEW) || allowed.some((one) => !of.subjects.has(one))) {
    wider.push({ path: "spec.subjects", allows: allowed, used: [...people].slice(0, FEW) });
  }
  for (const key of ["verbs", "resources", "namespaces", "names"] as const) {
    const patterns = match[key] ?? [];
    const used = [...of[key]];
    if (used.length > 0 && isWider(patterns, used)) {
      wider.push({ path: `spec.match.${key}`, allows: [...patterns], used: used.slice(0, FEW) });
    }
  }
  return wider;
}

/** Open, or a pattern with a star, where a few values would do; or a pattern that nothing used needs. */
function isWider(patterns: readonly string[], used: readonly string[]): boolean {
  const included = patterns.filter((pattern) => !pattern.startsWith("!"));
  const open = included.length === 0 || included.some((pattern) => pattern.includes("*"));
  if (open && used.length <= FEW) return true;
  return included.some((pattern) => !globsSelect([pattern], used));
}
