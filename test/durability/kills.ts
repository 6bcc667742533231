import { errorMessage } from "../../base/errors.ts";
import { type Compared, compare } from "./compare.ts";
import type { Target } from "./traps.ts";
import { lastOf, openWorld, type World } from "./world.ts";

/** The steps inside which each is hit, and the moments of each: the traps' names for them. */
const RECORDING = { appending: ["writing", "half written"], syncing: ["syncing", "synced"] };
const LETTING_GO = { "letting go": ["marking", "releasing"] };
export const STEPS: Record<Target, Record<string, readonly string[]>> = {
  gateway: { ...RECORDING, sending: ["keeping contents", "inserting"], storing: ["at work", "stored"], ...LETTING_GO },
  worker: { ...RECORDING, sending: ["keeping contents", "inserting"], storing: ["at work", "stored"], ...LETTING_GO },
  store: {
    "keeping contents": ["keeping contents"],
    sending: ["inserting"],
    storing: ["at work"],
    answering: ["stored"],
    starting: ["starting"],
  },
};
/** Each start reads what was recorded before, and each comparison too: a world is for so many kills. */
const IN_ONE_WORLD = 20;
/** So many answers lie between two kills: all that was under way has come to its end. */
const BETWEEN = 200;

export interface Killed {
  /** How often it was hit inside each step, at each of its moments. */
  histogram: Record<string, Record<string, number>>;
  kills: number;
  exchanges: number;
  outcomesUnderWay: number;
  disk: Compared["disk"];
  wrong: string[];
}

export interface Kill {
  target: Target;
  step: string;
  moment: string;
}

/** One of the three, so often inside each step, at its moments in turn. */
export const killsOf = (target: Target, times: number): Kill[] =>
  Array.from({ length: times }, (_, n) =>
    Object.entries(STEPS[target]).map(([step, moments]) => {
      return { target, step, moment: moments[n % moments.length] ?? "" };
    }),
  ).flat();

/** Does all of them, with a hundred exchanges under way, and compares all logs. */
export async function killEach(kills: readonly Kill[], onKill?: (kill: Kill) => void): Promise<Killed> {
  const killed: Killed = {
    histogram: {},
    kills: 0,
    exchanges: 0,
    outcomesUnderWay: 0,
    disk: { batches: 0, late: 0, slowestMs: 0 },
    wrong: [],
  };
  for (let first = 0; first < kills.length && killed.wrong.length === 0; first += IN_ONE_WORLD) {
    const world = await openWorld();
    try {
      await world.answers(BETWEEN);
      for (const kill of kills.slice(first, first + IN_ONE_WORLD)) {
        await killInside(world, kill);
        killed.kills++;
        const { step, moment } = kill;
        killed.histogram[step] ??= {};
        const moments = killed.histogram[step];
        moments[moment] = (moments[moment] ?? 0) + 1;
        onKill?.(kill);
      }
      await world.quiet();
      add(killed, await compare(world));
    } catch (error) {
      const said = lastOf(world.gateway.said()).join("\n");
      killed.wrong.push(`after ${killed.kills} kills: ${errorMessage(error)}; the gateway said:\n${said}`);
    } finally {
      await world.close();
    }
  }
  return killed;
}

async function killInside(world: World, { target, moment }: Kill): Promise<void> {
  // A store is started where one was killed.
  if (target === "store" && moment === "starting") await world.kill("store", "inserting");
  await world.kill(target, moment);
  if (target === "gateway") {
    await world.gateway.kill();
    await world.gateway.start();
  }
  await world.answers(BETWEEN);
}

function add(killed: Killed, { asked, outcomesUnderWay, disk, wrong }: Compared): void {
  killed.exchanges += asked;
  killed.outcomesUnderWay += outcomesUnderWay;
  killed.disk.batches += disk.batches;
  killed.disk.late += disk.late;
  killed.disk.slowestMs = Math.max(killed.disk.slowestMs, disk.slowestMs);
  killed.wrong.push(...wrong);
}
