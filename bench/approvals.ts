import { benchHour } from "./approvals/hour.ts";
import { benchMerges } from "./approvals/merges.ts";
import { benchStanding } from "./approvals/standing.ts";
import type { Benched, World } from "./world.ts";

/** Approvals: how soon a held request goes on, what sixty of them cost on GitHub, and standing exceptions. */
export async function benchApprovals(world: World): Promise<Benched> {
  const merges = await benchMerges(world);
  world.say("measuring an hour of holds on GitHub");
  const hour = await benchHour();
  world.say("measuring standing exceptions");
  const standing = await benchStanding(world.directory);
  return { rows: [...merges, ...hour, ...standing], mistakes: [] };
}
