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
  /**
   * The newest head of it that was signed, which its events agree with; 0 and "" where none was. Absent where the chain
   * was not compared: nothing is signed here.
   */
  signed_seq?: number;
  signed_hash?: string;
}

/** Payload of `record.expired`. */
export interface ExpiredChains {
  chains: readonly ExpiredChain[];
  /** Named among `chains` by an event before this one of the same writer, and not let go after all. */
  kept?: readonly Pick<ExpiredChain, "session_id" | "writer">[];
}

/** What letting go asks of whoever keeps the record. */
export interface Expiry {
  /** Puts it on record, durably, and resolves once it and all that came before (a legal hold) is in the store. */
  record(said: ExpiredChains): Promise<void>;
  /** Those of `chains` that are what was recorded, as far as was signed: no others go. All of them where absent. */
  check?(chains: readonly ExpiredChain[]): Promise<ExpiredChain[]>;
  spare?: SpareContents;
}

/** What expiry asks of a store. */
export interface ExpiringStore extends StoreReader {
  /** Removes rows for good, on all nodes; `where` is ours, values are bound. */
  remove(table: "events" | "bodies", where: string, params: Record<string, unknown>): Promise<void>;
}

/** Calls `remove` with those of the contents found that nobody named since the look for them began. */
export type SpareContents = (digests: string[], remove: (digests: string[]) => Promise<number>) => Promise<number>;

/** A hundred and thirty years: DateTime64 ends in 2299. */
const FOR_EVER_DAYS = 47_500;
/**
 * A content that was stored so lately stays. Another gateway, which this one cannot ask, may have stored it again (or a part
 * of it) and not yet the event that names it; it takes one for stored for an hour (audit/recorder/contents.ts), and a stream's
 * event comes when the stream ends.
 */
const GRACE_MS = 86_400_000;
const CHAINS = 1000;
const CONTENTS = 2000;
/** These statements read the whole record. */
const WHOLE: QueryOptions = { maxSeconds: 600, maxMemory: 4_000_000_000 };

function days(text: string | undefined): number {
  return text === undefined ? FOR_EVER_DAYS : Number(text.slice(0, -1));
}

function parameters(tenant: string, retention: Retention, now: number): Record<string, unknown> {
  const metadata = days(retention.Metadata);
  const request = days(retention.Request ?? retention.Metadata);
  const response = days(retention.RequestResponse ?? retention.Request ?? retention.Metadata);
  const before = Math.floor((now - GRACE_MS) / 1000);
  return { tenant, now, before, metadata, request, response, shortest: Math.min(metadata, request, response) };
}

const PAST = `at + toIntervalDay(multiIf(record_level = 'RequestResponse', {response:UInt32}, record_level = 'Request', {request:UInt32}, {metadata:UInt32})) < fromUnixTimestamp64Milli({now:Int64}, 'UTC')`;
const HELD = "session_id IN (SELECT session_id FROM legal_holds WHERE tenant = {tenant:String} AND held)";
/** Signed checkpoints, and what was let go: as long as any chain is kept, its proof is, and what became of the others. */
const PROOFS = "session_id IN ('checkpoints', 'recorder')";
/**
 * When a writer began (UUIDv7, RFC 9562 §5.7): no event of its is older, whatever `at` says. Whoever edits the store could
 * otherwise have the gateway itself sign that a chain is old, and remove it.
 */
const BEGAN = "ifNull(UUIDv7ToDateTime(toUUIDOrNull(toString(writer))), toDateTime64(0, 3, 'UTC'))";
/** Refusals before identification are one session for good: its chain may still go on while its writer lives. */
const GOES_ON = `session_id = 'anonymous' AND writer IN (SELECT writer FROM events WHERE tenant = {tenant:String} AND NOT (${PAST}))`;
/** Whatever in an event may name a content. */
const NAMED = "arrayDistinct(arrayConcat([request_body, response_body], extractAll(payload, '[0-9a-f]{64}')))";

/** Whether anything can have passed its time: asked of the table's smallest time, which costs nothing. */
async function anythingPast(store: StoreReader, tenant: string, retention: Retention, now: number): Promise<boolean> {
  const { shortest } = parameters(tenant, retention, now);
  const rows = await store.query<{ past: number }>(
    "SELECT count() > 0 AND min(at) < fromUnixTimestamp64Milli({until:Int64}, 'UTC') AS past FROM events",
    { until: now - Number(shortest) * 86_400_000 },
  );
  return Boolean(rows[0]?.past);
}

/**
 * Lets go of what has passed its time (`now` in milliseconds), and says what it was.
 *
 * Contents go when no event within its time names them: each level has its own. Rows go by chains, whole, when the last
 * of a chain's events has passed its time: a chain with holes could not be verified. Checkpoints, and the record of what
 * was let go, stay: without them nothing else can be verified. Sessions under legal hold keep both. Chains are checked
 * first: of one that somebody edited nothing could be told once it is gone. Then they are put on record, before they are
 * removed; a chain that goes on, or is held, by then stays, which is put on record as well.
 */
export async function expire(
  store: ExpiringStore,
  tenant: string,
  retention: Retention,
  now: number,
  { record, check = async (chains) => [...chains], spare = (digests, remove) => remove(digests) }: Expiry,
): Promise<{ chains: number; contents: number }> {
  const done = { chains: 0, contents: 0 };
  if (Object.values(retention).every((time) => time === undefined)) return done;
  if (!(await anythingPast(store, tenant, retention, now))) return done;
  const params = parameters(tenant, retention, now);
  done.contents = await expireContents(store, params, spare);
  for (let after: ChainName = { session_id: "", writer: "" }; ; ) {
    const found = await pastChains(store, params, after);
    const end = found.at(-1);
    if (end === undefined) return done;
    after = end;
    const chains = await check(found);
    if (chains.length === 0) continue;
    await record({ chains });
    const still = await stillPast(store, params, chains);
    const stays = chains.filter((chain) => !still.includes(chain));
    if (stays.length > 0) {
      await record({ chains: [], kept: stays.map(({ session_id, writer }) => ({ session_id, writer })) });
    }
    if (still.length === 0) continue;
    const names = "arrayZip({sessions:Array(String)}, {writers:Array(String)})";
    const chain = "tuple(session_id, toString(writer))";
    await store.remove(
      "events",
      `tenant = {tenant:String} AND session_id IN {sessions:Array(String)} AND has(${names}, ${chain})
         AND seq <= {lasts:Array(UInt64)}[indexOf(${names}, ${chain})]`,
      {
        tenant,
        sessions: still.map(({ session_id }) => session_id),
        writers: still.map(({ writer }) => writer),
        lasts: still.map(({ last_seq }) => last_seq),
      },
    );
    done.chains += still.length;
  }
}

type ChainName = Pick<ExpiredChain, "session_id" | "writer">;

function pastChains(store: StoreReader, params: Record<string, unknown>, after: ChainName): Promise<ExpiredChain[]> {
  return store.query<ExpiredChain>(
    `SELECT session_id, writer, count() AS events, max(seq) AS last_seq, argMax(hash, seq) AS last_hash FROM events
     WHERE tenant = {tenant:String} AND NOT ${HELD} AND NOT ${PROOFS} AND NOT (${GOES_ON})
       AND (session_id > {session:String} OR (session_id = {session:String} AND toString(writer) > {writer:String}))
     GROUP BY session_id, writer HAVING min(${PAST}) AND min(${BEGAN} + toIntervalDay({shortest:UInt32}) < fromUnixTimestamp64Milli({now:Int64}, 'UTC')) ORDER BY session_id, writer LIMIT ${CHAINS}`,
    { ...params, session: after.session_id, writer: after.writer },
    WHOLE,
  );
}

/** Those of `chains` that are as they were found: an event may have come, or a legal hold, while their end was recorded. */
async function stillPast(
  store: StoreReader,
  params: Record<string, unknown>,
  chains: readonly ExpiredChain[],
): Promise<ExpiredChain[]> {
  const rows = await store.query<{ session_id: string; writer: string; last_seq: number | string }>(
    `SELECT session_id, writer, max(seq) AS last_seq FROM events
     WHERE tenant = {tenant:String} AND session_id IN {sessions:Array(String)} AND NOT ${HELD}
     GROUP BY session_id, writer`,
    { ...params, sessions: chains.map(({ session_id }) => session_id) },
    WHOLE,
  );
  const name = (chain: Pick<ExpiredChain, "session_id" | "writer">): string => `${chain.writer} ${chain.session_id}`;
  const lasts = new Map(rows.map((row) => [name(row), Number(row.last_seq)]));
  return chains.filter((chain) => lasts.get(name(chain)) === Number(chain.last_seq));
}

async function expireContents(
  store: ExpiringStore,
  params: Record<string, unknown>,
  spare: SpareContents,
): Promise<number> {
  let removed = 0;
  for (let after = ""; ; ) {
    const named = await store.query<{ sha256: string; chunks: string[] }>(
      `SELECT sha256, groupUniqArrayArray(chunks) AS chunks FROM bodies WHERE tenant = {tenant:String} AND sha256 > {after:String} AND sha256 IN
         (SELECT arrayJoin(${NAMED}) FROM events WHERE tenant = {tenant:String} AND ${PAST} AND NOT ${HELD})
       GROUP BY sha256 HAVING max(stored_at) < {before:UInt32} ORDER BY sha256 LIMIT ${CONTENTS}`,
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
    const remove = (digests: string[]): Promise<number> => removeContents(store, params, digests);
    removed += await spare(gone, remove);
    const parts = named.filter(({ sha256 }) => gone.includes(sha256)).flatMap(({ chunks }) => chunks);
    removed += await spare(await unnamed(store, params, [...new Set(parts)], gone), remove);
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

/** Of each only rows that are older than the look for them: one that is stored again meanwhile stays, by its own row. */
async function removeContents(
  store: ExpiringStore,
  { tenant, before }: Record<string, unknown>,
  digests: string[],
): Promise<number> {
  if (digests.length === 0) return 0;
  const where = "tenant = {tenant:String} AND sha256 IN {digests:Array(String)} AND stored_at < {before:UInt32}";
  await store.remove("bodies", where, { tenant, digests, before });
  return digests.length;
}
