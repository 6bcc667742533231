import type { KeyObject } from "node:crypto";
import type { EventRow } from "../event.ts";
import { EVENT_COLUMNS } from "../export/event-row.ts";
import type { StoreReader } from "../store/store.ts";
import { CHECKPOINT_SESSION, checkpointFault, type Leaf, parseCheckpoint, WRITER_ENDED } from "./checkpoint.ts";
import type { ReconcileRound } from "./reconciler.ts";
import { ChainWalk } from "./verify/chain-walk.ts";
import { type Finding, Findings } from "./verify/finding.ts";
import { chainKey, SignedHeads } from "./verify/signed-heads.ts";

/** What one round looks at, so that its cost does not grow with the record: at one a minute, some 290,000 heads a day. */
const LEAVES = 200;
const CHECKPOINTS = 200;
/** A checkpoint may be of 4 MiB. */
const PAGE = 10;
/**
 * Events are hashed again from so many before the first of these heads of a chain to the last: of most chains all. Not more
 * than `ROWS`, which take some 50 ms.
 */
const TAIL = 16;
const ROWS = 2_000;
/** And so many are counted: of longer chains what lies further back was counted before an earlier head. */
const COUNTED = 20_000;
const MAX_FOUND = 1_000;

interface Head extends Leaf {
  /** The event after which events are hashed again. */
  from: number;
}

const COLUMNS = Object.keys(EVENT_COLUMNS).join(", ");

/**
 * Compares chains of former processes, and of other gateways, with the heads that were signed: checkpoint by checkpoint, in
 * turn, beginning anywhere. Says how many events there are up to a head, its hash, and whether the newest of them are
 * what was recorded. A difference stands until its chain is looked at again and well.
 */
export class FormerChains {
  readonly #store: StoreReader;
  readonly #tenant: string;
  readonly #keys: readonly KeyObject[];
  readonly #random: () => number;
  readonly #found = new Map<string, Finding>();
  #at: { w: string; q: number } | undefined;

  constructor(store: StoreReader, tenant: string, keys: readonly KeyObject[], random: () => number = Math.random) {
    this.#store = store;
    this.#tenant = tenant;
    this.#keys = keys;
    this.#random = random;
  }

  /** One round. `own` are writers whose chains are compared with memory. Rejects where the store is away. */
  async round(own: readonly string[]): Promise<ReconcileRound> {
    this.#at ??= await this.#anywhere();
    const leaves = (await this.#nextLeaves()).filter(({ writer }) => !own.includes(writer));
    if (leaves.length === 0) return { chains: 0, events: 0, differences: [...this.#found.values()] };
    const found = await this.#compare(leaves);
    const hashed = await this.#hashAgain(leaves.filter((leaf) => !found.has(nameOf(leaf))));
    for (const leaf of leaves) this.#say(nameOf(leaf), found.get(nameOf(leaf)) ?? hashed.found.get(nameOf(leaf)));
    return { chains: leaves.length, events: hashed.events, differences: [...this.#found.values()] };
  }

  #say(name: string, finding: Finding | undefined): void {
    this.#found.delete(name);
    if (finding !== undefined && this.#found.size < MAX_FOUND) this.#found.set(name, finding);
  }

  /** A process that does not live for long looks at another part each time. */
  async #anywhere(): Promise<{ w: string; q: number }> {
    const where = "tenant = {tenant:String} AND session_id = {checkpoints:String}";
    const params = { tenant: this.#tenant, checkpoints: CHECKPOINT_SESSION };
    const [{ n } = { n: 0 }] = await this.#store.query<{ n: number | string }>(
      `SELECT count() AS n FROM events WHERE ${where}`,
      params,
    );
    const [place] = await this.#store.query<{ writer: string; seq: number | string }>(
      `SELECT writer, seq FROM events WHERE ${where} ORDER BY writer, seq LIMIT 1 OFFSET {offset:UInt64}`,
      { ...params, offset: Math.floor(this.#random() * Number(n)) },
    );
    return { w: place?.writer ?? "", q: Number(place?.seq ?? 1) - 1 };
  }

  /** The newest head of each chain among those that the next checkpoints signed. */
  async #nextLeaves(): Promise<Head[]> {
    const newest = new Map<string, Head>();
    let events = 0;
    const enough = (): boolean => newest.size >= LEAVES || events >= ROWS;
    for (let checkpoints = 0; checkpoints < CHECKPOINTS && !enough(); ) {
      const rows = await this.#store.query<{ writer: string; seq: number | string; payload: string }>(
        `SELECT writer, seq, payload FROM events
          WHERE tenant = {tenant:String} AND session_id = {checkpoints:String} AND kind = 'checkpoint'
            AND (writer > {w:String} OR (writer = {w:String} AND seq > {q:UInt64}))
          ORDER BY writer, seq LIMIT ${PAGE}`,
        { tenant: this.#tenant, checkpoints: CHECKPOINT_SESSION, ...this.#at },
      );
      for (const { writer, seq, payload } of rows) {
        this.#at = { w: writer, q: Number(seq) };
        checkpoints++;
        for (const leaf of this.#leavesOf(writer, Number(seq), payload)) {
          if (leaf.hash === WRITER_ENDED) continue;
          const known = newest.get(nameOf(leaf));
          const head = { ...leaf, from: known?.from ?? Math.max(0, leaf.seq - TAIL) };
          if (leaf.seq <= (known?.seq ?? 0)) continue;
          newest.set(nameOf(leaf), head);
          events += head.seq - (known?.seq ?? head.from);
        }
        if (enough()) break;
      }
      if (rows.length < PAGE) {
        this.#at = { w: "", q: 0 };
        break;
      }
    }
    return [...newest.values()];
  }

  #leavesOf(writer: string, seq: number, payload: string): readonly Leaf[] {
    let why: string | undefined;
    let leaves: readonly Leaf[] = [];
    try {
      const checkpoint = parseCheckpoint(payload);
      why = checkpointFault(this.#tenant, checkpoint, this.#keys);
      if (why === undefined) leaves = checkpoint.leaves;
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    const place = { session_id: CHECKPOINT_SESSION, writer, seq: [seq, seq] as [number, number] };
    this.#say(`${writer} ${seq}`, why === undefined ? undefined : { what: "altered-checkpoint", ...place, why });
    return leaves;
  }

  async #compare(leaves: readonly Leaf[]): Promise<Map<string, Finding>> {
    const first = await this.#differences(leaves);
    if (first.size === 0) return first;
    const doubted = leaves.filter((leaf) => first.has(nameOf(leaf)));
    // Asked twice: another node of a cluster may be behind for a moment.
    const found = await this.#differences(doubted);
    const sessions = [...found.values()].flatMap(({ what, session_id = "" }) =>
      what === "dropped-session" ? [session_id] : [],
    );
    if (sessions.length === 0) return found;
    const expired = await this.#store.query<Pick<Leaf, "session_id" | "writer">>(
      "SELECT session_id, writer FROM expired_chains WHERE tenant = {tenant:String} AND session_id IN {sessions:Array(String)}",
      { tenant: this.#tenant, sessions },
    );
    for (const chain of expired) if (found.get(nameOf(chain))?.what === "dropped-session") found.delete(nameOf(chain));
    return found;
  }

  async #differences(leaves: readonly Leaf[]): Promise<Map<string, Finding>> {
    const rows = await this.#store.query<{
      session_id: string;
      writer: string;
      events: number | string;
      numbers: number | string;
      head: string;
    }>(
      `WITH {seqs:Array(UInt64)}[${INDEX}] AS last
       SELECT session_id, writer, count() AS events, sum(seq) AS numbers, anyIf(hash, seq = last) AS head
         FROM events
        WHERE tenant = {tenant:String} AND session_id IN {sessions:Array(String)}
          AND seq <= last AND seq + ${COUNTED} > last
        GROUP BY session_id, writer`,
      this.#params(leaves),
    );
    const stored = new Map(rows.map((row) => [nameOf(row), row]));
    const found = new Map<string, Finding>();
    for (const leaf of leaves) {
      const { session_id, writer, seq, hash } = leaf;
      const row = stored.get(nameOf(leaf));
      const from = Math.max(1, seq - COUNTED + 1);
      const count = seq - from + 1;
      const say = (what: Finding["what"], why: string): void =>
        void found.set(nameOf(leaf), { what, session_id, writer, seq: [from, seq], why });
      const events = Number(row?.events ?? 0);
      if (row === undefined) say("dropped-session", `${count} events were signed, and the store has none`);
      else if (events < count) say("removed", `${count} events were signed, and the store has ${events}`);
      else if (events > count) say("added", `${count} events were signed, and the store has ${events}`);
      else if (BigInt(row.numbers) !== (BigInt(from + seq) * BigInt(count)) / 2n)
        say("altered", `the store has ${count} events, and not those of ${from} to ${seq}`);
      else if (row.head !== hash) say("altered", `event ${seq} is not the one that was signed`);
    }
    return found;
  }

  async #hashAgain(leaves: readonly Head[]): Promise<{ events: number; found: Map<string, Finding> }> {
    const found = new Map<string, Finding>();
    if (leaves.length === 0) return { events: 0, found };
    const rows = await this.#store.query<EventRow>(
      `WITH {seqs:Array(UInt64)}[${INDEX}] AS last
       SELECT ${COLUMNS} FROM events
        WHERE tenant = {tenant:String} AND session_id IN {sessions:Array(String)}
          AND seq <= last AND seq > {froms:Array(UInt64)}[${INDEX}]
        ORDER BY session_id, writer, seq LIMIT ${ROWS}`,
      { ...this.#params(leaves), froms: leaves.map(({ from }) => from) },
    );
    const heads = new SignedHeads();
    for (const { session_id, writer, seq, hash } of leaves) {
      heads.add({ session_id, writer, seq, hash, required: false });
    }
    const findings = new Findings();
    const walk = new ChainWalk({ tenant: this.#tenant, heads, findings, midway: true });
    for (const row of rows) walk.take(row);
    for (const finding of findings.list) {
      const { session_id = "", writer = "" } = finding;
      found.set(chainKey(session_id, writer), finding);
    }
    return { events: rows.length, found };
  }

  #params(leaves: readonly Leaf[]): Record<string, unknown> {
    return {
      tenant: this.#tenant,
      sessions: leaves.map(({ session_id }) => session_id),
      writers: leaves.map(({ writer }) => writer),
      seqs: leaves.map(({ seq }) => seq),
    };
  }
}

/** Of a row, the place of its chain among the parameters; 0, and so the number 0, for another chain. */
const INDEX =
  "indexOf(arrayZip({sessions:Array(String)}, {writers:Array(String)}), tuple(session_id, toString(events.writer)))";

const nameOf = ({ session_id, writer }: Pick<Leaf, "session_id" | "writer">): string => chainKey(session_id, writer);
