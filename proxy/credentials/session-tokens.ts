import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Caller } from "./own-calls.ts";

/** Renewed in the background from here on, so that no request waits for it. */
const RENEW_AT = 0.8;
/** What is left of a token's life when it is no longer handed out: requests in flight still have to arrive. */
const MARGIN_MS = 10_000;
const MAX_SESSIONS = 2000;
/** After a failure, the answer for a moment: a burst of requests asks the API server once. */
const FAILURE_MS = 1000;
const REMEMBERED_ENDS = 10_000;
const CLOSE_MS = 5000;

export interface SessionTokensOptions {
  namespace: string;
  serviceAccount: string;
  /** Asked for; the API server grants up to ten days, the configuration's schema at most an hour. */
  seconds: number;
  connection: string;
  caller: Caller;
  clock: Clock;
  log: Log;
}

const DAY_MS = 86_400_000;
/** The longest that a session can be, by the configuration's schema, and a day for clocks and zones. */
const LONGEST_SESSION_DAYS = 8;
const OPENED = "sallyport.dev/opened";

interface Entry {
  /** The Secret that the token is bound to: with it the token dies, within 10 s (1.36.3). */
  secret?: { name: string; uid: string };
  header?: string;
  mintedAt: number;
  renewAt: number;
  usableUntil: number;
  minting?: Promise<string>;
  failure?: { at: number; refusal: Refusal };
}

/** Just-in-time tokens of a service account (TokenRequest), one for each gateway session, gone with the session. */
export interface SessionTokens {
  authorization(sessionId: string): string | Promise<string>;
  invalidate(sessionId: string): void;
  end(sessionId: string): Promise<void>;
  close(): Promise<void>;
  describe(): string;
}

export function createSessionTokens(options: SessionTokensOptions): SessionTokens {
  const { namespace, serviceAccount, seconds, caller, clock, log } = options;
  const entries = new Map<string, Entry>();
  // A request that was identified just before its session was killed must not mint a token that nobody ends.
  const ended = new Set<string>();
  const secretsPath = `/api/v1/namespaces/${namespace}/secrets`;
  const tokenPath = `/api/v1/namespaces/${namespace}/serviceaccounts/${encodeURIComponent(serviceAccount)}/token`;
  let unbound = false;
  let swept = false;
  let closed = false;

  async function mint(id: string, entry: Entry): Promise<string> {
    if (entry.secret === undefined && !unbound) entry.secret = await createSecret(id);
    const { secret } = entry;
    const boundObjectRef = secret && { apiVersion: "v1", kind: "Secret", name: secret.name, uid: secret.uid };
    const askedAt = clock.now();
    const { status, json } = await caller.call({
      verb: "create",
      method: "POST",
      path: tokenPath,
      sessionId: id,
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: seconds, ...(boundObjectRef && { boundObjectRef }) },
      },
    });
    const { token, expirationTimestamp } = (json.status ?? {}) as { token?: string; expirationTimestamp?: string };
    if (status !== 201 || typeof token !== "string") {
      // Somebody deleted our Secret (404, or 409 for another uid): the next try makes a new one.
      if (status === 404 || status === 409) entry.secret = undefined;
      throw unavailable(`TokenRequest was answered ${status}`);
    }
    // The cap holds whatever was granted: a webhook or --service-account-extend-token-expiration may give more.
    const granted = Date.parse(expirationTimestamp ?? "") - askedAt;
    const life = Math.min(Number.isFinite(granted) ? granted : seconds * 1000, seconds * 1000);
    entry.header = `Bearer ${token}`;
    entry.mintedAt = clock.now();
    entry.renewAt = askedAt + life * RENEW_AT;
    entry.usableUntil = askedAt + life - MARGIN_MS;
    return entry.header;
  }

  async function createSecret(id: string): Promise<{ name: string; uid: string } | undefined> {
    const name = `sallyport-${createHash("sha256").update(id).digest("hex").slice(0, 12)}-${randomBytes(4).toString("hex")}`;
    const { status, json } = await caller.call({
      verb: "create",
      method: "POST",
      path: secretsPath,
      sessionId: id,
      body: {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name,
          labels: { "app.kubernetes.io/managed-by": "sallyport", [OPENED]: day(clock.now()) },
          annotations: { "sallyport.dev/session": id },
        },
        type: "sallyport.dev/session",
      },
    });
    const { uid } = (json.metadata ?? {}) as { uid?: string };
    if (status === 201 && typeof uid === "string") {
      if (!swept) void sweep().catch((error: unknown) => log.debug("old Secrets were not swept", { error }));
      return { name, uid };
    }
    if (status !== 403)
      throw unavailable(`creating the Secret that a session's token is bound to was answered ${status}`);
    unbound = true;
    log.warn("session tokens are not bound to a Secret, and outlive a killed session until they expire", {
      connection: options.connection,
      namespace,
      missing: "create and delete on secrets",
      seconds,
    });
    return undefined;
  }

  /**
   * Removes, once, the Secrets that a gateway left which was killed: no session is as old as they are. Labels
   * have no order, so the selector names the days that stay; other replicas' sessions are of those days.
   */
  async function sweep(): Promise<void> {
    swept = true;
    const days = Array.from({ length: LONGEST_SESSION_DAYS + 2 }, (_, i) => day(clock.now() - (i - 1) * DAY_MS));
    const selector = `app.kubernetes.io/managed-by=sallyport,${OPENED},${OPENED} notin (${days.join(",")})`;
    const path = `${secretsPath}?labelSelector=${encodeURIComponent(selector)}`;
    const { status } = await caller.call({ verb: "deletecollection", method: "DELETE", path });
    log.debug("old Secrets of ended sessions were swept", { connection: options.connection, status });
  }

  /** Single flight for a session, whoever asks. */
  function renew(id: string, entry: Entry): Promise<string> {
    entry.minting ??= mint(id, entry)
      .then(
        (header) => {
          entry.failure = undefined;
          return header;
        },
        (error: unknown) => {
          const refusal = error instanceof Refusal ? error : unavailable("unexpected", error);
          entry.failure = { at: clock.now(), refusal };
          throw refusal;
        },
      )
      .finally(() => {
        entry.minting = undefined;
      });
    return entry.minting;
  }

  async function remove(id: string, entry: Entry): Promise<void> {
    // What is being minted would come to life after its session's end.
    await entry.minting?.catch(() => {});
    entry.header = undefined;
    if (entry.secret === undefined) return;
    const path = `${secretsPath}/${entry.secret.name}`;
    try {
      const { status } = await caller.call({ verb: "delete", method: "DELETE", path, sessionId: id });
      if (status !== 200 && status !== 404)
        log.warn("a session's Secret was not deleted; its token lives until it expires", {
          connection: options.connection,
          secret: entry.secret.name,
          status,
        });
    } catch (error) {
      log.warn("a session's Secret was not deleted; its token lives until it expires", {
        connection: options.connection,
        secret: entry.secret.name,
        error,
      });
    }
  }

  function entryOf(id: string): Entry {
    const known = entries.get(id);
    if (known !== undefined) return known;
    if (entries.size >= MAX_SESSIONS) {
      throw new Refusal("too-many", `this gateway already serves ${MAX_SESSIONS} sessions on this connection`, {
        next: "Try again when other sessions have ended.",
      });
    }
    const entry: Entry = { mintedAt: 0, renewAt: 0, usableUntil: 0 };
    entries.set(id, entry);
    return entry;
  }

  return {
    authorization(id) {
      if (closed) throw new Refusal("draining", "the gateway is shutting down");
      if (ended.has(id)) throw new Refusal("session-ended", "this session has ended", { next: "Log in again." });
      const now = clock.now();
      const entry = entryOf(id);
      const failed = entry.failure !== undefined && now - entry.failure.at < FAILURE_MS;
      if (entry.header !== undefined && now < entry.usableUntil) {
        if (now >= entry.renewAt && !failed) {
          renew(id, entry).catch((error: unknown) =>
            log.warn("a session's token was not renewed", { connection: options.connection, error }),
          );
        }
        return entry.header;
      }
      if (failed && entry.failure !== undefined) throw entry.failure.refusal;
      return renew(id, entry);
    },
    invalidate(id) {
      const entry = entries.get(id);
      // Of many requests in flight with a refused token, the last must not end the one that replaced it.
      if (entry === undefined || clock.now() - entry.mintedAt < FAILURE_MS) return;
      entry.usableUntil = 0;
      // The Secret may be what is gone: the next token gets a new one.
      const { secret } = entry;
      entry.secret = undefined;
      if (secret !== undefined) void remove(id, { secret, mintedAt: 0, renewAt: 0, usableUntil: 0 });
    },
    async end(id) {
      ended.add(id);
      if (ended.size > REMEMBERED_ENDS) for (const oldest of ended) if (ended.delete(oldest)) break;
      const entry = entries.get(id);
      if (entry === undefined) return;
      entries.delete(id);
      await remove(id, entry);
    },
    async close() {
      closed = true;
      const all = [...entries].map(([id, entry]) => remove(id, entry));
      entries.clear();
      await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
    },
    describe() {
      const bound = unbound
        ? "not bound to a Secret, so they outlive a killed session until they expire"
        : "bound to a Secret of each session";
      return `tokens of service account ${namespace}/${serviceAccount} for ${seconds} s, ${bound}`;
    },
  };
}

function unavailable(why: string, cause?: unknown): Refusal {
  return new Refusal(
    "credential-unavailable",
    "the gateway could not get a credential of the cluster for this session",
    {
      next: "Try again; if it stays so, tell the operator of the gateway, who can run `sallyport connection check`.",
      cause: cause ?? new Error(why),
    },
  );
}

/** `2026-11-22`, UTC. */
function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
