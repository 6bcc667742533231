import { readFileSync } from "node:fs";
import type { EventRow } from "../../audit/event.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { systemClock } from "../../base/clock.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { silentLog } from "../../base/log.ts";
import { witnessed } from "./witnessed.ts";
import type { World } from "./world.ts";

const MOST = 20;

export interface Compared {
  asked: number;
  forwarded: number;
  answered: number;
  intents: number;
  outcomes: number;
  /** Answers whose outcome was on its way to the disk when the gateway was killed, as its threads witness. */
  outcomesUnderWay: number;
  /** How long outcomes took from the hand-over to the disk: batches in all, those over 50 ms, and the slowest. */
  disk: { batches: number; late: number; slowestMs: number };
  /** What must not be. */
  wrong: string[];
}

type Said = Pick<EventRow, "kind" | "exchange_id" | "name" | "verb" | "status">;

/** Compares the agent's log, the API server's log and ClickHouse, exchange by exchange, once all of them are quiet. */
export async function compare(world: World): Promise<Compared> {
  const asked = new Map<string, string>();
  const answered = new Map<string, number>();
  for (const line of lines<{ asked?: string; verb?: string; answered?: string; status?: number }>(world.clientLog)) {
    if (line.asked !== undefined) asked.set(line.asked, line.verb ?? "");
    if (line.answered !== undefined) answered.set(line.answered, line.status ?? 0);
  }
  const seen = lines<{ id?: string; verb: string; name: string }>(world.upstreamLog);
  const rows = await recorded(world.state.configFile);
  const intents = byExchange(rows, "request.intent");
  const outcomes = byExchange(rows, "request.outcome");

  const wrong: string[] = [];
  const say = (what: string): void => void (wrong.length < MOST && wrong.push(what));
  const forwarded = new Map<string, string>();
  for (const { id = "", verb, name } of seen) {
    if (forwarded.has(name)) say(`${name} was forwarded twice`);
    forwarded.set(name, id);
    if (asked.get(name) !== verb) say(`the API server saw ${verb} ${name}, which the agent never asked for`);
    const [intent] = intents.get(id) ?? [];
    if (verb === "create" && intent?.name !== name)
      say(`${name} (${id}) was forwarded, and its intent is not on record`);
  }
  const names = new Map<string, string>();
  for (const [kind, events] of [
    ["intent", intents],
    ["outcome", outcomes],
  ] as const) {
    for (const [id, [first, ...more]] of events) {
      if (more.length > 0) say(`exchange ${id} has ${more.length + 1} ${kind}s on record`);
      const name = first?.name ?? "";
      if (!asked.has(name)) say(`the ${kind} of ${name} (${id}) is on record, and the agent never asked for it`);
      if (names.has(name) && names.get(name) !== id) say(`${name} is on record as two exchanges`);
      names.set(name, id);
    }
  }
  for (const [id, [outcome]] of outcomes) {
    const name = outcome?.name ?? "";
    if (forwarded.get(name) !== id) say(`the outcome of ${name} (${id}) is on record, and it was never forwarded`);
    const answer = answered.get(name);
    if (answer !== undefined && answer !== outcome?.status) {
      say(`the agent got ${answer} for ${name}, and ${outcome?.status} is on record`);
    }
  }
  const missing = new Set<string>();
  for (const [name, status] of answered) {
    const id = forwarded.get(name);
    if (status >= 300 && id !== undefined) say(`${name} was forwarded, and the agent got ${status}`);
    if (status >= 300) continue;
    if (id === undefined) say(`the agent got ${status} for ${name}, which the API server never saw`);
    else if (!outcomes.has(id)) missing.add(id);
  }
  const { whyMissed, handed, batches, late, slowestMs } = witnessed(world.witnesses);
  for (const id of handed()) if (!outcomes.has(id)) missing.add(id);
  let outcomesUnderWay = 0;
  for (const id of missing) {
    const why = whyMissed(id);
    if (why === undefined) outcomesUnderWay++;
    else say(`exchange ${id} was answered, and its outcome is not on record: ${why}`);
  }
  return {
    asked: asked.size,
    forwarded: forwarded.size,
    answered: answered.size,
    intents: intents.size,
    outcomes: outcomes.size,
    outcomesUnderWay,
    disk: { batches, late, slowestMs },
    wrong: [...wrong, ...rows.mistakes],
  };
}

function lines<T>(path: string): T[] {
  const text = readFileSync(path, "utf8");
  return text
    .slice(0, text.lastIndexOf("\n"))
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

/** What the store has once it has all of the spool, and what is wrong with its chains. */
async function recorded(configFile: string): Promise<Said[] & { mistakes: string[] }> {
  const { tenant, audit } = loadGatewayConfig(configFile);
  const { spool, store } = audit;
  const recorder = await openRecorder({ tenant, spool, store, log: silentLog, clock: systemClock });
  try {
    await recorder.flush({ toStore: true });
    const chains = await recorder.query<{ session_id: string; writer: string }>(
      "SELECT DISTINCT session_id, writer FROM events ORDER BY session_id, writer",
    );
    const said: Said[] = [];
    const mistakes: string[] = [];
    for (const chain of chains) {
      const rows = await recorder.query<EventRow>(
        "SELECT * FROM events WHERE session_id = {session_id:String} AND writer = {writer:String} ORDER BY seq",
        chain,
      );
      const verdict = verifyChain(rows);
      if (!verdict.ok) mistakes.push(`${chain.session_id}, writer ${chain.writer}: ${verdict.why}`);
      for (const { kind, exchange_id, name, verb, status } of rows)
        said.push({ kind, exchange_id, name, verb, status });
    }
    return Object.assign(said, { mistakes });
  } finally {
    await recorder.close();
  }
}

function byExchange(rows: readonly Said[], kind: string): Map<string, Said[]> {
  const found = new Map<string, Said[]>();
  for (const row of rows) {
    if (row.kind !== kind) continue;
    const of = found.get(row.exchange_id);
    if (of === undefined) found.set(row.exchange_id, [row]);
    else of.push(row);
  }
  return found;
}
