import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { readPosition } from "../../audit/recorder/shipper.ts";
import { listSegments } from "../../audit/spool/segments.ts";
import { errorMessage } from "../../base/errors.ts";
import { compare } from "./compare.ts";
import { lastOf, openWorld, until, type World, type WorldOptions } from "./world.ts";

const AWAY_MS = 30_000;
/** Less than what issuers' clocks may differ by: the agent's token must stay valid. */
const BACK_MS = 20_000;
const MiB = 1024 * 1024;

/** What befalls a gateway beside its death. Each resolves to what must not have been. */
export const TROUBLES: Record<string, () => Promise<string[]>> = {
  "the store away for a while, and nothing refused": () =>
    through({ maxBytes: 1024 * MiB }, async (world) => {
      await withoutStore(world, () => wait(AWAY_MS));
      await world.answers(200);
      const { refused } = statuses(world);
      return refused === 0 ? [] : [`${refused} requests were refused, and there was room for all`];
    }),
  "the spool full, and all refused until the store is back": () =>
    through({ maxBytes: 2 * MiB }, async (world) => {
      await withoutStore(world, () => until(() => statuses(world).refused > 500, "nothing is refused"));
      await world.answers(200);
      return [];
    }),
  "the disk full, and all refused until there is room": () =>
    through({ maxBytes: 1024 * MiB, diskBytes: 4 * MiB }, async (world) => {
      await withoutStore(world, () => until(() => statuses(world).refused > 500, "nothing is refused"));
      await world.answers(200);
      return [];
    }),
  "the clock stepped back, and once more before a restart": () =>
    through({}, async (world) => {
      world.putBack(BACK_MS / 2);
      await world.answers(400);
      world.putBack(BACK_MS);
      await world.gateway.kill();
      await world.gateway.start();
      await world.answers(400);
      return [];
    }),
};

async function through(options: WorldOptions, trouble: (world: World) => Promise<string[]>): Promise<string[]> {
  const world = await openWorld(options);
  try {
    await world.answers(200);
    const wrong = await trouble(world);
    await world.quiet(options.diskBytes === undefined ? undefined : () => shipped(world));
    return [...wrong, ...(await compare(world)).wrong];
  } catch (error) {
    return [`${errorMessage(error)}; the gateway said:\n${lastOf(world.gateway.said()).join("\n")}`];
  } finally {
    await world.close();
  }
}

/** The store's process is there, and does nothing. */
async function withoutStore(world: World, meanwhile: () => Promise<unknown>): Promise<void> {
  const pid = world.pidOf("store");
  process.kill(pid, "SIGSTOP");
  try {
    await meanwhile();
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

function statuses(world: World): { refused: number } {
  return { refused: readFileSync(world.clientLog, "utf8").match(/"status":503}/g)?.length ?? 0 };
}

/** The disk goes with the gateway: what it holds must be in the store by then. */
async function shipped(world: World): Promise<void> {
  const spool = join(`/proc/${world.pidOf("gateway")}/root`, world.state.directory, "spool");
  await until(() => {
    const { segment, offset } = readPosition(spool);
    return listSegments(spool).every(
      (one) => one.segment < segment || (one.segment === segment && one.bytes <= offset),
    );
  }, "the spool is not shipped");
}
