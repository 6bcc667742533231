import type { KeyObject } from "node:crypto";
import type { EventRow } from "../event.ts";
import { EVENT_COLUMNS } from "../export/event-row.ts";
import type { ExpiredChain } from "../store/retention.ts";
import type { QueryOptions, StoreReader } from "../store/store.ts";
import { CHECKPOINT_SESSION, checkpointFault, type Leaf, parseCheckpoint, WRITER_ENDED } from "./checkpoint.ts";
import { ChainWalk } from "./verify/chain-walk.ts";
import { Findings } from "./verify/finding.ts";
import { chainKey, SignedHeads } from "./verify/signed-heads.ts";

/** Some 5 ms of hashing, in the recorder's own thread. */
const ROWS = 200;
const COLUMNS = Object.keys(EVENT_COLUMNS).join(", ");
/** It reads all checkpoints since these chains began. */
const LONG: QueryOptions = { maxSeconds: 600, maxMemory: 4_000_000_000 };

/**
 * Checks chains before they are let go: each event's hash, and the newest head of the chain that was signed. Those that
 * are whole come back with that head. What no checkpoint covers is compared with nothing, as in `audit verify`.
 */
export async function checkedChains(
  store: StoreReader,
  tenant: string,
  keys: readonly KeyObject[],
  chains: readonly ExpiredChain[],
): Promise<{ whole: ExpiredChain[]; findings: Findings }> {
  const findings = new Findings();
  const { signed, bad } = await newestHeads(store, tenant, keys, chains, findings);
  const heads = new SignedHeads();
  for (const head of signed.values()) heads.add({ ...head, required: true });
  const walk = new ChainWalk({ tenant, heads, findings, midway: false });
  for await (const row of eventsOf(store, tenant, chains)) walk.take(row);
  walk.end();
  for (const { session_id = "", writer = "" } of findings.list) bad.add(chainKey(session_id, writer));
  // More than are listed: no telling which.
  const whole = findings.count > findings.list.length ? [] : chains.filter((one) => !bad.has(nameOf(one)));
  return {
    whole: whole.map((chain) => {
      const head = signed.get(nameOf(chain));
      return { ...chain, signed_seq: head?.seq ?? 0, signed_hash: head?.hash ?? "" };
    }),
    findings,
  };
}

const nameOf = ({ session_id, writer }: Pick<Leaf, "session_id" | "writer">): string => chainKey(session_id, writer);

/** The newest signed head of each chain, as a checkpoint says that one of `keys` signed. */
async function newestHeads(
  store: StoreReader,
  tenant: string,
  keys: readonly KeyObject[],
  chains: readonly ExpiredChain[],
  findings: Findings,
): Promise<{ signed: Map<string, Leaf>; bad: Set<string> }> {
  const params = {
    tenant,
    checkpoints: CHECKPOINT_SESSION,
    sessions: [...new Set(chains.map(({ session_id }) => session_id))],
    writers: [...new Set(chains.map(({ writer }) => writer))],
  };
  const places = await store.query<{ session_id: string; of: string; by: string; at: number | string }>(
    `SELECT JSONExtractString(leaf, 'session_id') AS session_id, JSONExtractString(leaf, 'writer') AS of,
            argMax((events.writer, events.seq), JSONExtractUInt(leaf, 'seq')) AS place,
            place.1 AS by, place.2 AS at
       FROM events ARRAY JOIN JSONExtractArrayRaw(payload, 'leaves') AS leaf
      WHERE tenant = {tenant:String} AND events.session_id = {checkpoints:String}
        AND JSONExtractString(leaf, 'session_id') IN {sessions:Array(String)}
        AND JSONExtractString(leaf, 'writer') IN {writers:Array(String)}
        AND JSONExtractString(leaf, 'hash') != '${WRITER_ENDED}'
      GROUP BY JSONExtractString(leaf, 'session_id'), JSONExtractString(leaf, 'writer')`,
    params,
    LONG,
  );
  const wanted = new Map<string, Set<string>>();
  for (const { session_id, of, by, at } of places) {
    const place = `${by} ${at}`;
    const some = wanted.get(place) ?? new Set();
    wanted.set(place, some.add(chainKey(session_id, of)));
  }
  const signed = new Map<string, Leaf>();
  const bad = new Set<string>();
  for (const [place, names] of wanted) {
    const [writer = "", seq = ""] = place.split(" ");
    const rows = await store.query<Pick<EventRow, "payload">>(
      `SELECT payload FROM events
        WHERE tenant = {tenant:String} AND session_id = {checkpoints:String} AND writer = {writer:String} AND seq = {seq:UInt64}`,
      { tenant, checkpoints: CHECKPOINT_SESSION, writer, seq },
    );
    const { leaves, fault } = leavesOf(tenant, rows[0]?.payload ?? "", keys);
    if (fault !== undefined) {
      const number = Number(seq);
      findings.add({
        what: "altered-checkpoint",
        session_id: CHECKPOINT_SESSION,
        writer,
        seq: [number, number],
        why: fault,
      });
      for (const name of names) bad.add(name);
    }
    for (const leaf of leaves) {
      const name = nameOf(leaf);
      if (names.has(name) && leaf.seq > (signed.get(name)?.seq ?? 0)) signed.set(name, leaf);
    }
  }
  return { signed, bad };
}

function leavesOf(
  tenant: string,
  payload: string,
  keys: readonly KeyObject[],
): { leaves: readonly Leaf[]; fault: string | undefined } {
  try {
    const checkpoint = parseCheckpoint(payload);
    const fault = checkpointFault(tenant, checkpoint, keys);
    return { leaves: fault === undefined ? checkpoint.leaves : [], fault };
  } catch (error) {
    return { leaves: [], fault: error instanceof Error ? error.message : String(error) };
  }
}

/** The events of `chains` in the order of chains, some at a time. */
async function* eventsOf(
  store: StoreReader,
  tenant: string,
  chains: readonly ExpiredChain[],
): AsyncGenerator<EventRow> {
  const names = "arrayZip({sessions:Array(String)}, {writers:Array(String)})";
  const params = {
    tenant,
    sessions: chains.map(({ session_id }) => session_id),
    writers: chains.map(({ writer }) => writer),
  };
  for (let last = { s: "", w: "", q: 0 }; ; ) {
    const rows = await store.query<EventRow>(
      `SELECT ${COLUMNS} FROM events
        WHERE tenant = {tenant:String} AND session_id IN {sessions:Array(String)}
          AND has(${names}, tuple(session_id, toString(writer)))
          AND (session_id > {s:String} OR (session_id = {s:String} AND (writer > {w:String} OR (writer = {w:String} AND seq > {q:UInt64}))))
        ORDER BY session_id, writer, seq LIMIT ${ROWS}`,
      { ...params, ...last },
    );
    yield* rows;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = { s: end.session_id, w: end.writer, q: Number(end.seq) };
  }
}
