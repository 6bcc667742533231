import { globsSelect } from "../../base/globs.ts";
import { all, type StandingException } from "./exception.ts";

/** What standing exceptions are matched with: a request as policy sees it (contracts §1.1). */
export interface StandingQuestion {
  connection: { name: string };
  user: { issuer: string; username: string; groups: readonly string[] };
  request: {
    verb: string;
    operation: string;
    resource: { group: string; resource: string };
    subResource: string;
    nonResource: boolean;
    namespace: string;
    name: string;
  };
  object?: unknown;
  oldObject?: unknown;
  target?: { labels: Record<string, string> } | undefined;
}

/** What of an exception reaches policy, as `input.exceptions`. */
export interface StandingMatch {
  name: string;
  rules: string[];
  unmask: boolean;
}

/** `sure` by metadata alone; `open` once the object is known, whose name or labels they go by. */
export interface Candidates {
  sure: StandingException[];
  open: StandingException[];
}

const ANY = "*";
type Bucket = Set<StandingException>;
type Buckets = Map<string, Map<string, Map<string, Bucket>>>;

/**
 * Standing exceptions by connection and subject, then namespace, then resource, so that a request looks at those that
 * may be its own and at no other: with 10,000 of them in policy's data each swap stalled the gateway 87 ms (design §3).
 */
export class StandingIndex {
  readonly #bySubject: Buckets = new Map();
  readonly #exceptions = new Map<string, StandingException>();

  constructor(exceptions: Iterable<StandingException> = []) {
    for (const exception of exceptions) this.add(exception);
  }

  /** Adds one, in the place of one of the same name. */
  add(exception: StandingException): void {
    this.delete(exception.name);
    this.#exceptions.set(exception.name, exception);
    for (const subject of subjectKeys(exception)) this.#add(`${exception.match.connection}|${subject}`, exception);
  }

  delete(name: string): void {
    const exception = this.#exceptions.get(name);
    if (exception === undefined) return;
    this.#exceptions.delete(name);
    for (const subject of subjectKeys(exception)) this.#drop(`${exception.match.connection}|${subject}`, exception);
  }

  get size(): number {
    return this.#exceptions.size;
  }

  get(name: string): StandingException | undefined {
    return this.#exceptions.get(name);
  }

  /** Those that may apply to a request at this moment (milliseconds since the epoch), in order of their names. */
  candidates(asked: StandingQuestion, now: number): Candidates {
    const found: Candidates = { sure: [], open: [] };
    if (this.#exceptions.size === 0) return found;
    const { connection, user, request } = asked;
    const named = `${request.resource.group}/${request.resource.resource}`;
    const seen = new Set<StandingException>();
    for (const subject of [ANY, userKey(user), ...user.groups.map(groupKey)]) {
      const byNamespace = this.#bySubject.get(`${connection.name}|${subject}`);
      if (byNamespace === undefined) continue;
      for (const namespace of request.namespace === "" ? [ANY] : [ANY, request.namespace]) {
        const byResource = byNamespace.get(namespace);
        for (const resource of [ANY, named]) {
          for (const exception of byResource?.get(resource) ?? []) {
            if (exception.notAfter > now && fits(exception, request)) seen.add(exception);
          }
        }
      }
    }
    for (const exception of [...seen].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!nameFits(exception, request.name)) {
        // The name of a create stands in its body.
        if (request.verb === "create" && request.name === "") found.open.push(exception);
      } else (exception.match.labels === undefined ? found.sure : found.open).push(exception);
    }
    return found;
  }

  #add(key: string, exception: StandingException): void {
    const byNamespace = entry(this.#bySubject, key, () => new Map());
    for (const namespace of literals(exception.match.namespaces)) {
      const byResource = entry(byNamespace, namespace, () => new Map());
      for (const resource of resourceKeys(exception.match.resources)) {
        entry(byResource, resource, (): Bucket => new Set()).add(exception);
      }
    }
  }

  #drop(key: string, exception: StandingException): void {
    const byNamespace = this.#bySubject.get(key);
    for (const namespace of literals(exception.match.namespaces)) {
      const byResource = byNamespace?.get(namespace);
      for (const resource of resourceKeys(exception.match.resources)) {
        const bucket = byResource?.get(resource);
        bucket?.delete(exception);
        if (bucket?.size === 0) byResource?.delete(resource);
      }
      if (byResource?.size === 0) byNamespace?.delete(namespace);
    }
    if (byNamespace?.size === 0) this.#bySubject.delete(key);
  }
}

/** Whether an open candidate applies, now that name and object are known. */
export function settled(
  exception: StandingException,
  { request, object, oldObject, target }: StandingQuestion,
): boolean {
  if (!nameFits(exception, request.name)) return false;
  const { labels } = exception.match;
  if (labels === undefined) return true;
  // The agent writes an object's labels: they loosen where they are stored and the request keeps them (contracts §2).
  const stored = request.operation === "CONNECT" ? target?.labels : labelsOf(oldObject);
  return carries(stored, labels) && (object == null || request.verb === "delete" || carries(labelsOf(object), labels));
}

export function matchOf({ name, rules, unmask }: StandingException): StandingMatch {
  return { name, rules: [...rules], unmask };
}

function fits({ match }: StandingException, request: StandingQuestion["request"]): boolean {
  // Exec and its kin are a get over WebSocket and a create over SPDY: an exception says what is done, not how.
  const verb = request.operation === "CONNECT" ? "connect" : request.verb;
  return (
    globsSelect(match.verbs, [verb]) &&
    namespaceFits(match.namespaces, request.namespace) &&
    resourceFits(match.resources, request)
  );
}

/** What reaches across all namespaces, or is no namespace's, is no namespace's exception either. */
function namespaceFits(patterns: readonly string[] | undefined, namespace: string): boolean {
  if (namespace !== "") return globsSelect(patterns, [namespace]);
  return (patterns ?? []).every((pattern) => pattern === "*");
}

/** Part by part, so that a star crosses no slash: `apps/*` is no exception for `apps/deployments/scale`. */
function resourceFits(patterns: readonly string[] | undefined, request: StandingQuestion["request"]): boolean {
  if (patterns === undefined || patterns.length === 0) return true;
  if (request.nonResource) return false;
  const names = (pattern: string): boolean => {
    if (pattern === "*") return true;
    const [group = "", resource = "", subresource = ""] = pattern.split("/");
    return (
      one(group, request.resource.group) &&
      one(resource, request.resource.resource) &&
      (subresource === "" ? request.subResource === "" : one(subresource, request.subResource))
    );
  };
  const excluded = patterns.some((pattern) => pattern.startsWith("!") && names(pattern.slice(1)));
  const included = patterns.filter((pattern) => !pattern.startsWith("!"));
  return !excluded && (included.length === 0 || included.some(names));
}

/** One pattern, in which `!` means nothing. */
function one(pattern: string, value: string): boolean {
  return pattern === value || (pattern.includes("*") && globsSelect([pattern], [value]));
}

/** A list and a deletecollection have no name, and are no exception for one. */
function nameFits({ match }: StandingException, name: string): boolean {
  if (match.names === undefined || match.names.length === 0) return true;
  return name !== "" && globsSelect(match.names, [name]);
}

function labelsOf(object: unknown): Record<string, unknown> | undefined {
  const metadata = (object as { metadata?: { labels?: Record<string, unknown> } } | null | undefined)?.metadata;
  return metadata?.labels;
}

function carries(labels: Record<string, unknown> | undefined, wanted: Record<string, string>): boolean {
  if (labels === undefined) return Object.keys(wanted).length === 0;
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

function userKey({ issuer, username }: { issuer: string; username: string }): string {
  return `user:${issuer}/${username}`;
}

function groupKey(group: string): string {
  return `group:${group}`;
}

function subjectKeys({ subjects }: StandingException): string[] {
  if (subjects.length === 0) return [ANY];
  return subjects.map((subject) => ("group" in subject ? groupKey(subject.group) : userKey(subject)));
}

/** The values that patterns without a star or an exclusion name; else any. */
function literals(patterns: readonly string[] | undefined): readonly string[] {
  if (patterns === undefined || all(patterns) || patterns.some((one) => /[*!]/.test(one))) return [ANY];
  return [...new Set(patterns)];
}

function resourceKeys(patterns: readonly string[] | undefined): readonly string[] {
  return [...new Set(literals(patterns).map((one) => (one === ANY ? ANY : one.split("/", 2).join("/"))))];
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
