import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { UserError } from "../base/errors.ts";
import type { EventRow } from "./event.ts";
import type { Period } from "./period.ts";

/** An entry of the API server's audit log (audit.k8s.io/v1 Event), as far as it is read here. */
export interface ApiAuditEntry {
  auditID: string;
  stage: string;
  verb: string;
  requestURI: string;
  user: string;
  impersonatedUser: string;
  status: number;
  at: string;
}

export interface ReconcileOptions {
  /**
   * Usernames of the gateway's own credentials, as the API server knows them
   * (`system:serviceaccount:sallyport:gateway`): all that they did has to be in our record. What others did straight
   * at the API server, administrators say, is left out.
   */
  gatewayUsers: readonly string[];
  /** Leaves out entries that are none of the gateway's data path (health checks, say). */
  ignore?(entry: ApiAuditEntry): boolean;
  /** Compares what either side has within it, such as the time that a rotated log covers. */
  period?: Period | undefined;
}

export interface Reconciliation {
  inBoth: string[];
  /** The gateway's credential was used, and we have no event of it: a call that went around the gateway. */
  missingInOurs: ApiAuditEntry[];
  /** We say that it was forwarded, and the API server knows nothing of it. */
  missingInTheirs: { exchange_id: string; kind: string; at: string; verb: string; path: string }[];
  /** Answered more than once on either side. */
  duplicated: { exchange_id: string; ours: number; theirs: number }[];
  /** Nothing missing, nothing twice. */
  whole: boolean;
}

/** Reads the log of `--audit-log-path` (JSON lines). Throws a UserError that names the line that is none. */
export async function* readApiAudit(path: string): AsyncGenerator<ApiAuditEntry> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === "") continue;
    yield parseEntry(line, `${path}:${number}`);
  }
}

function parseEntry(line: string, where: string): ApiAuditEntry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new UserError(`${where} is not JSON`, {
      exitCode: 2,
      cause: error,
      next: "Give the API server's audit log.",
    });
  }
  const entry = value as {
    auditID?: string;
    stage?: string;
    verb?: string;
    requestURI?: string;
    user?: { username?: string };
    impersonatedUser?: { username?: string };
    responseStatus?: { code?: number };
    requestReceivedTimestamp?: string;
  };
  if (typeof entry.auditID !== "string" || typeof entry.stage !== "string") {
    throw new UserError(`${where} is no event of audit.k8s.io`, {
      exitCode: 2,
      next: "Give the API server's audit log.",
    });
  }
  return {
    auditID: entry.auditID,
    stage: entry.stage,
    verb: entry.verb ?? "",
    requestURI: entry.requestURI ?? "",
    user: entry.user?.username ?? "",
    impersonatedUser: entry.impersonatedUser?.username ?? "",
    status: entry.responseStatus?.code ?? 0,
    at: entry.requestReceivedTimestamp ?? "",
  };
}

/**
 * Joins our record with the API server's own, both ways, on exchange_id = auditID. Ours are `gather` calls (each has an
 * id of its own) and forwarded requests: payload.forwarded true on intent or outcome, unless a later event of the same
 * exchange says false. Theirs are the entries of the gateway's credentials; a request counts once whatever its stages
 * (one that panicked, or was cut off, has no ResponseComplete).
 */
export async function reconcile(
  events: Iterable<EventRow> | AsyncIterable<EventRow>,
  audit: Iterable<ApiAuditEntry> | AsyncIterable<ApiAuditEntry>,
  options: ReconcileOptions,
): Promise<Reconciliation> {
  const ours = await forwarded(events);
  const theirs = new Map<string, { entry: ApiAuditEntry; ends: number; received: number }>();
  for await (const entry of audit) {
    if (options.ignore?.(entry)) continue;
    const known = theirs.get(entry.auditID) ?? { entry, ends: 0, received: 0 };
    if (entry.stage === "ResponseComplete" || entry.stage === "Panic") known.ends++;
    if (entry.stage === "RequestReceived") known.received++;
    theirs.set(entry.auditID, known);
  }
  const gateway = new Set(options.gatewayUsers);
  const result: Reconciliation = { inBoth: [], missingInOurs: [], missingInTheirs: [], duplicated: [], whole: false };
  for (const [id, { event, ends }] of ours) {
    const their = theirs.get(id);
    if (their === undefined) {
      if (!isWithin(event.at, options.period)) continue;
      result.missingInTheirs.push({
        exchange_id: id,
        kind: event.kind,
        at: event.at,
        verb: event.verb,
        path: event.path,
      });
      continue;
    }
    // One that lies across the period's edge is in both all the same.
    if (!isWithin(event.at, options.period) && !isWithin(their.entry.at, options.period)) continue;
    result.inBoth.push(id);
    const times = Math.max(their.ends, their.received);
    if (ends > 1 || times > 1) result.duplicated.push({ exchange_id: id, ours: ends, theirs: times });
  }
  for (const [id, { entry }] of theirs) {
    if (!ours.has(id) && gateway.has(entry.user) && isWithin(entry.at, options.period))
      result.missingInOurs.push(entry);
  }
  result.whole = result.missingInOurs.length + result.missingInTheirs.length + result.duplicated.length === 0;
  return result;
}

/** Whether a time, as either side writes it, is within the period; one that cannot be read is. */
function isWithin(at: string, { since, until }: Period = {}): boolean {
  const ms = Date.parse(at.includes("T") ? at : `${at.replace(" ", "T")}Z`);
  return Number.isNaN(ms) || (ms >= (since ?? ms) && ms < (until ?? Number.POSITIVE_INFINITY));
}

async function forwarded(
  events: Iterable<EventRow> | AsyncIterable<EventRow>,
): Promise<Map<string, { event: EventRow; ends: number }>> {
  const ours = new Map<string, { event: EventRow; ends: number; went: boolean }>();
  for await (const event of events) {
    if (!["gather", "request.intent", "request.outcome", "request.refused"].includes(event.kind)) continue;
    if (event.exchange_id === "") continue;
    const said = (JSON.parse(event.payload) as { forwarded?: unknown }).forwarded;
    const known = ours.get(event.exchange_id) ?? { event, ends: 0, went: false };
    if (event.kind === "gather") known.went = said !== false;
    else if (typeof said === "boolean") known.went = said;
    if (event.kind === "gather" || event.kind === "request.outcome") known.ends++;
    ours.set(event.exchange_id, known);
  }
  for (const [id, { went }] of ours) if (!went) ours.delete(id);
  return ours;
}
