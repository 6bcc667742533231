import type { EventRow } from "../event.ts";
import { EVENT_COLUMNS } from "../export/event-row.ts";
import type { StoreReader } from "../store/store.ts";
import type { Leaf } from "./checkpoint.ts";
import { ChainWalk } from "./verify/chain-walk.ts";
import { type Finding, Findings } from "./verify/finding.ts";
import { SignedHeads } from "./verify/signed-heads.ts";

/** What one round looks at, so that its cost does not grow with the record. */
const MOVED = 5_000;
const OTHERS = 1_000;
const BATCH = 500;
const ROWS = 2_000;

export interface ReconcileRound {
  /** Chains that were compared. */
  chains: number;
  /** Events that were hashed again. */
  events: number;
  differences: Finding[];
}

/**
 * Compares the heads of this process's chains, as memory has them, with what the store answers: how many events there
 * are up to the head, and the head's hash. Chains that moved since the last round come first, then others in turn. Of
 * what moved, the newest events are hashed again as well, so that one that was altered in the store is found.
 */
export class Reconciler {
  readonly #store: StoreReader;
  readonly #tenant: string;
  /** By session: up to where it was compared. */
  readonly #compared = new Map<string, number>();
  #writer = "";
  #turn = 0;

  constructor(store: StoreReader, tenant: string) {
    this.#store = store;
    this.#tenant = tenant;
  }

  /** One round. `heads` are of one writer, and all that they cover is in the store. Rejects where the store is away. */
  async round(heads: readonly Leaf[]): Promise<ReconcileRound> {
    const writer = heads[0]?.writer ?? "";
    if (writer !== this.#writer) this.#compared.clear();
    this.#writer = writer;
    const moved = heads.filter(({ session_id, seq }) => seq > (this.#compared.get(session_id) ?? 0)).slice(0, MOVED);
    const still = heads.filter(({ session_id, seq }) => seq === this.#compared.get(session_id));
    const others = Array.from(
      { length: Math.min(OTHERS, still.length) },
      (_, i) => still[(this.#turn + i) % still.length],
    );
    this.#turn = still.length === 0 ? 0 : (this.#turn + OTHERS) % still.length;
    const chosen = [...moved, ...others.filter((head) => head !== undefined)];
    const differences: Finding[] = [];
    for (let from = 0; from < chosen.length; from += BATCH) {
      const batch = chosen.slice(from, from + BATCH);
      const found = await this.#compare(batch);
      // Asked twice: another node of a cluster may be behind for a moment.
      if (found.length > 0) differences.push(...(await this.#compare(batch)));
    }
    const hashed = await this.#hashAgain(moved);
    for (const { session_id, seq } of moved) this.#compared.set(session_id, seq);
    return { chains: chosen.length, events: hashed.events, differences: [...differences, ...hashed.findings] };
  }

  async #compare(batch: readonly Leaf[]): Promise<Finding[]> {
    const rows = await this.#store.query<{
      session_id: string;
      events: number | string;
      numbers: number | string;
      head: string;
    }>(
      `WITH {seqs:Array(UInt64)}[indexOf({sessions:Array(String)}, session_id)] AS last
       SELECT session_id, count() AS events, uniqExact(seq) AS numbers, anyIf(hash, seq = last) AS head
         FROM events
        WHERE tenant = {tenant:String} AND writer = {writer:String} AND session_id IN {sessions:Array(String)} AND seq <= last
        GROUP BY session_id`,
      {
        tenant: this.#tenant,
        writer: this.#writer,
        sessions: batch.map((one) => one.session_id),
        seqs: batch.map((one) => one.seq),
      },
    );
    const stored = new Map(rows.map((row) => [row.session_id, row]));
    return batch.flatMap(({ session_id, writer, seq, hash }): Finding[] => {
      const row = stored.get(session_id);
      const place = { session_id, writer, seq: [1, seq] as [number, number] };
      if (row === undefined)
        return [{ what: "dropped-session", ...place, why: `${seq} events were recorded, and the store has none` }];
      const [events, numbers] = [Number(row.events), Number(row.numbers)];
      if (numbers < seq)
        return [{ what: "removed", ...place, why: `${seq} events were recorded, and the store has ${numbers}` }];
      if (events > seq)
        return [{ what: "added", ...place, why: `${seq} events were recorded, and the store has ${events}` }];
      return row.head === hash
        ? []
        : [{ what: "altered", ...place, why: `event ${seq} is not the one that was recorded` }];
    });
  }

  async #hashAgain(moved: readonly Leaf[]): Promise<{ events: number; findings: Finding[] }> {
    const some = moved.slice(0, BATCH);
    if (some.length === 0) return { events: 0, findings: [] };
    const rows = await this.#store.query<EventRow>(
      `WITH indexOf({sessions:Array(String)}, session_id) AS n
       SELECT ${Object.keys(EVENT_COLUMNS).join(", ")} FROM events
        WHERE tenant = {tenant:String} AND writer = {writer:String} AND session_id IN {sessions:Array(String)}
          AND seq > {from:Array(UInt64)}[n] AND seq <= {seqs:Array(UInt64)}[n]
        ORDER BY session_id, writer, seq LIMIT ${ROWS}`,
      {
        tenant: this.#tenant,
        writer: this.#writer,
        sessions: some.map((one) => one.session_id),
        seqs: some.map((one) => one.seq),
        from: some.map((one) => this.#compared.get(one.session_id) ?? 0),
      },
    );
    const heads = new SignedHeads();
    for (const head of some) heads.add({ ...head, required: false });
    const findings = new Findings();
    const walk = new ChainWalk({ tenant: this.#tenant, heads, findings, midway: true });
    for (const row of rows) walk.take(row);
    return { events: rows.length, findings: findings.list };
  }
}
