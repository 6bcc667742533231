import type { ConfigIssue } from "../../base/config/issues.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { type PolicyException, parseException } from "../exception.ts";

type Standing = Exclude<PolicyException["spec"]["match"], { digest: string }>;

/** A policy exception for whatever its match describes, written by a person (contracts §4). */
export interface StandingException {
  name: string;
  rules: readonly string[];
  subjects: PolicyException["spec"]["subjects"];
  match: Standing;
  unmask: boolean;
  /** Who answers for it: `user:<username>` or `group:<group>`; the requester where the file names nobody else. */
  owner: string;
  requestedBy: PolicyException["spec"]["requestedBy"];
  reason: string;
  /** Milliseconds since the epoch. */
  notAfter: number;
  /** Undefined: as often as asked. */
  maxUses: number | undefined;
}

/** What one exception may leave open, in words of `exceptions.wildcards` of the guardrails. */
export type Wildcard = "subjects" | "namespaces" | "resources";

/** Every login is in these groups (k8s.io/apiserver, user.AllAuthenticated), so that naming them names anybody. */
const EVERYBODY = new Set(["*", "system:authenticated", "system:unauthenticated"]);

/** `apps/deployments`, `/pods/exec`, `*`: what there is between one slash and the next may hold stars. */
const RESOURCE = /^(?:\*|[^/!]*\/[^/!]+(?:\/[^/!]+)?)$/;

/**
 * Reads `exceptions/<name>.yaml` where it stands for more than one request; undefined where it is one for a single
 * request. Throws a ConfigError with every mistake: one that names nobody, nowhere and nothing in particular would
 * take a rule away from everyone.
 */
export function parseStanding(name: string, file: string): StandingException | undefined {
  const { spec } = parseException(name, file);
  if ("digest" in spec.match) return undefined;
  const exception: StandingException = {
    name,
    rules: spec.rules,
    subjects: spec.subjects,
    match: spec.match,
    unmask: spec.unmask,
    owner: spec.owner ?? `user:${spec.requestedBy.username}`,
    requestedBy: spec.requestedBy,
    reason: spec.reason,
    notAfter: Date.parse(spec.notAfter),
    maxUses: spec.maxUses,
  };
  const issues = issuesOf(exception);
  if (issues.length > 0) throw new ConfigError(`exceptions/${name}.yaml`, issues);
  return exception;
}

/** What it leaves open: nothing said, or a bare star. */
export function wildcardsOf({ subjects, match }: Pick<StandingException, "subjects" | "match">): Wildcard[] {
  return [
    ...(anybody(subjects) ? (["subjects"] as const) : []),
    ...(all(match.namespaces) ? (["namespaces"] as const) : []),
    ...(all(match.resources) ? (["resources"] as const) : []),
  ];
}

function issuesOf(exception: StandingException): ConfigIssue[] {
  const { match } = exception;
  const issues: ConfigIssue[] = (match.resources ?? []).flatMap((pattern, i) =>
    RESOURCE.test(pattern.replace(/^!/, ""))
      ? []
      : [
          {
            path: `spec.match.resources[${i}]`,
            message: `"${pattern}" is no group/resource[/subresource]; pods are "/pods", deployments "apps/deployments"`,
          },
        ],
  );
  if (match.connection === "" || match.connection.includes("*")) {
    issues.push({ path: "spec.match.connection", message: "must name one connection: a star matches none" });
  }
  if (wildcardsOf(exception).length === 3) {
    issues.push({
      path: "spec",
      message: "stands for everybody, everywhere, on everything: name subjects, match.namespaces or match.resources",
    });
  }
  return issues;
}

function anybody(subjects: StandingException["subjects"]): boolean {
  if (subjects.length === 0) return true;
  return subjects.some((one) => ("group" in one ? EVERYBODY.has(one.group) : one.username === "*"));
}

/** Whether these patterns leave nothing out that anybody would name: none at all, only exclusions, or a bare star. */
export function all(patterns: readonly string[] | undefined): boolean {
  const included = (patterns ?? []).filter((pattern) => !pattern.startsWith("!"));
  return included.length === 0 || included.some((pattern) => /^[*/]+$/.test(pattern));
}
