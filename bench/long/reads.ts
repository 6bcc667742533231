import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { namedQuery } from "../../audit/questions/named-queries.ts";
import { sessionEvents } from "../../audit/session-events.ts";
import { openStore } from "../../audit/store/open.ts";
import type { Store } from "../../audit/store/store.ts";
import type { Row } from "../table.ts";
import { cpuMs } from "./cpu.ts";
import { FIRST_DAY, PER_SESSION, sessionName } from "./rows.ts";

const DAY = 86_400_000;

/** Fills a store (or takes one up that is filled), and measures what reads of it take. */
export async function measureReads(
  folder: string,
  rows: number,
  filled: boolean,
  say: (what: string) => void,
): Promise<Row[]> {
  const path = join(folder, "store");
  if (!filled) {
    await (await openStore({ embedded: path }, "default")).close(); // the migrations
    say(`writing ${rows} events`);
    const entry = fileURLToPath(new URL("./fill.ts", import.meta.url));
    execFileSync(process.execPath, [entry, path, String(rows)], { stdio: ["ignore", "ignore", "inherit"] });
  }
  const store = await openStore({ embedded: path }, "default");
  try {
    return await measured(store, rows, say);
  } finally {
    await store.close();
  }
}

async function measured(store: Store, rows: number, say: (what: string) => void): Promise<Row[]> {
  const [kept] = await store.query<{ rows: string; bytes: string }>(
    "SELECT toString(sum(rows)) AS rows, toString(sum(bytes_on_disk)) AS bytes FROM system.parts WHERE active AND table = 'events'",
  );
  if (Number(kept?.rows) !== rows) throw new Error(`the store has ${kept?.rows} events, not ${rows}`);
  const sessions = Math.ceil(rows / PER_SESSION);
  say("reading sessions");
  const whole = await times(20, async (i) => {
    let events = 0;
    for await (const _ of sessionEvents(store, "default", sessionName(Math.floor((sessions * (i + 0.5)) / 20))))
      events++;
    if (events !== PER_SESSION) throw new Error(`a session has ${events} events`);
  });
  say("asking for a month's privileged operations");
  const query = namedQuery("privileged-operations");
  if (query === undefined) throw new Error("there is no query privileged-operations");
  let operations = 0;
  const month = await times(5, async (i) => {
    const since = FIRST_DAY + (60 + i * 30) * DAY;
    const period = { since: new Date(since).toISOString(), until: new Date(since + 30 * DAY).toISOString() };
    operations = (await query.run(store, "default", { ...period, limit: 10_000 })).length;
  });
  return [
    { what: `bytes an event on disk, of ${rows}`, value: Number(kept?.bytes) / rows, unit: "bytes" },
    {
      what: "one session, whole",
      value: median(whole.wall),
      unit: "ms",
      aim: { at: "most", value: 100 },
      beside: `CPU ${median(whole.cpu)} ms; slowest of 20: ${Math.max(...whole.wall).toFixed(0)} ms`,
    },
    {
      what: "privileged operations of a month",
      value: median(month.wall),
      unit: "ms",
      aim: { at: "most", value: 1000 },
      beside: `${operations} operations, a twelfth of the events; CPU ${median(month.cpu)} ms; slowest of 5: ${Math.max(...month.wall).toFixed(0)} ms`,
    },
  ];
}

async function times(count: number, work: (i: number) => Promise<void>): Promise<{ wall: number[]; cpu: number[] }> {
  const wall: number[] = [];
  const cpu: number[] = [];
  for (let i = 0; i < count; i++) {
    const [start, spent] = [performance.now(), cpuMs()];
    await work(i);
    wall.push(performance.now() - start);
    cpu.push(cpuMs() - spent);
  }
  return { wall, cpu };
}

const median = (list: number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
