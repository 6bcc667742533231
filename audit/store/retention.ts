import type { QueryOptions, StoreReader } from "./store.ts";

/** `audit.retention`: how long rows and contents of a level are kept, `400d`; for ever where absent. */
export interface Retention {
  Metadata?: string | undefined;
  Request?: string | undefined;
  RequestResponse?: string | undefined;
}

/** A chain whose last event has passed its time. */
export interface ExpiredChain {
  session_id: string;
  writer: string;
  events: number;
  last_seq: number;
  last_hash: string;
}

/** What expiry asks of a store. */
export interface ExpiringStore extends StoreReader {
  /** Removes rows for good, on all nodes; `where` is ours, values are bound. */
  remove(table: "events" | "bodies", where: string, params: Record<string, unknown>): Promise<void>;
}

/** A hundred and thirty years: DateTime64 ends in 2299. */
const FOR_EVER_DAYS = 47_500;
const CHAINS = 1000;
const CONTENTS = 2000;
/** These statements read the whole record. */
const WHOLE: QueryOptions = { maxSeconds: 600, maxMemory: 4_000_000_000 };

function days(text: string | undefined): number {
  return text === undefined ? FOR_EVER_DAYS : Number(text.slice(0, -1));
}

function parameters(tenant: string, retention: Retention, now: number): Record<string, unknown> {
  return {
    tenant,
    now,
    metadata: days(retention.Metadata),
    request: days(retention.Request ?? retention.Metadata),
    response: days(retention.RequestResponse ?? retention.Request ?? retention.Metadata),
  };
}

const PAST = `at + toIntervalDay(multiIf(record_level = 'RequestResponse', {response:UInt32}, record_level = 'Request', {request:UInt32}, {metadata:UInt32})) < fromUnixTimestamp64Milli({now:Int64}, 'UTC')`;
const HELD = "session_id IN (SELECT session_id FROM legal_holds WHERE tenant = {tenant:String} AND held)";
/** Whatever in an event may name a content. */
const NAMED = "arrayDistinct(arrayConcat([request_body, response_body], extractAll(payload, '[0-9a-f]{64}')))";

/** Whether anything can have passed its time: asked of the table's smallest time, which costs nothing. */
async function anythingPast(store: StoreReader, tenant: string, retention: Retention, now: number): Promise<boolean> {
  const { metadata, request, response } = parameters(tenant, retention, now);
  const shortest = Math.min(Number(metadata), Number(request), Number(response));
  const rows = await store.query<{ past: number }>(
    "SELECT count() > 0 AND min(at) < fromUnixTimestamp64Milli({until:Int64}, 'UTC') AS past FROM events",
    { until: now - shortest * 86_400_000 },
  );
  return Boolean(rows[0]?.past);
}

/**
 * Lets go of what has passed its time (`now` in milliseconds), and says what it was.
 *
 * Contents go when no event within its time names them: each level has its own. Rows go by chains, whole, when the last
 * of a chain's events has passed its time: a chain with holes could not be verified. Sessions under legal hold keep
 * both. `record` puts a batch of chains on record, durably, before they are removed.
 */
export async function expire(
  store: ExpiringStore,
  tenant: string,
  retention: Retention,
  now: number,
  record: (chains: ExpiredChain[]) => Promise<void>,
): Promise<{ chains: number; contents: number }> {
  const done = { chains: 0, contents: 0 };
  if (Object.values(retention).every((time) => time === undefined)) return done;
  if (!(await anythingPast(store, tenant, retention, now))) return done;
  done.contents = await expireContents(store, parameters(tenant, retention, now));
  for (;;) {
    const chains = await pastChains(store, parameters(tenant, retention, now));
    if (chains.length === 0) return done;
    await record(chains);
    await store.remove(
      "events",
      "tenant = {tenant:String} AND session_id IN {sessions:Array(String)} AND has(arrayZip({sessions:Array(String)}, {writers:Array(String)}), tuple(session_id, toString(writer)))",
      { tenant, sessions: chains.map((chain) => chain.session_id), writers: chains.map((chain) => chain.writer) },
    );
    done.chains += chains.length;
  }
}

function pastChains(store: StoreReader, params: Record<string, unknown>): Promise<ExpiredChain[]> {
  return store.query<ExpiredChain>(
    `SELECT session_id, writer, count() AS events, max(seq) AS last_seq, argMax(hash, seq) AS last_hash FROM events
     WHERE tenant = {tenant:String} AND NOT ${HELD}
     GROUP BY session_id, writer HAVING min(${PAST}) ORDER BY session_id, writer LIMIT ${CHAINS}`,
    params,
    WHOLE,
  );
}

async function expireContents(store: ExpiringStore, params: Record<string, unknown>): Promise<number> {
  let removed = 0;
  for (let after = ""; ; ) {
    const named = await store.query<{ sha256: string; chunks: string[] }>(
      `SELECT sha256, any(chunks) AS chunks FROM bodies WHERE tenant = {tenant:String} AND sha256 > {after:String} AND sha256 IN
         (SELECT arrayJoin(${NAMED}) FROM events WHERE tenant = {tenant:String} AND ${PAST} AND NOT ${HELD})
       GROUP BY sha256 ORDER BY sha256 LIMIT ${CONTENTS}`,
      { ...params, after },
      WHOLE,
    );
    const last = named.at(-1);
    if (last === undefined) return removed;
    after = last.sha256;
    const gone = await unnamed(
      store,
      params,
      named.map(({ sha256 }) => sha256),
      [],
    );
    removed += await removeContents(store, params, gone);
    const parts = named.filter(({ sha256 }) => gone.includes(sha256)).flatMap(({ chunks }) => chunks);
    removed += await removeContents(store, params, await unnamed(store, params, [...new Set(parts)], gone));
  }
}

/** Those that neither an event within its time or under legal hold names, nor a content that stays. */
async function unnamed(
  store: StoreReader,
  params: Record<string, unknown>,
  digests: string[],
  gone: string[],
): Promise<string[]> {
  if (digests.length === 0) return [];
  const rows = await store.query<{ sha256: string }>(
    `SELECT DISTINCT arrayJoin(${NAMED}) AS sha256 FROM events
     WHERE tenant = {tenant:String} AND (NOT (${PAST}) OR ${HELD}) AND hasAny(${NAMED}, {digests:Array(String)})
     UNION DISTINCT
     SELECT arrayJoin(chunks) AS sha256 FROM bodies
     WHERE tenant = {tenant:String} AND hasAny(chunks, {digests:Array(String)}) AND NOT has({gone:Array(String)}, sha256)`,
    { ...params, digests, gone },
    WHOLE,
  );
  const named = new Set(rows.map(({ sha256 }) => sha256));
  return digests.filter((digest) => !named.has(digest));
}

async function removeContents(
  store: ExpiringStore,
  { tenant }: Record<string, unknown>,
  digests: string[],
): Promise<number> {
  if (digests.length === 0) return 0;
  await store.remove("bodies", "tenant = {tenant:String} AND sha256 IN {digests:Array(String)}", { tenant, digests });
  return digests.length;
}
