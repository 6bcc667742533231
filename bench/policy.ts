import { benchStanding } from "./approvals/standing.ts";
import { benchDecisions } from "./policy/decisions.ts";
import { benchSwaps } from "./policy/swaps.ts";
import type { Benched, World } from "./world.ts";

/** The policy: the decision alone, its exceptions, and a swap under load. */
export async function benchPolicy(world: World): Promise<Benched> {
  world.say("measuring decisions, beside opa bench");
  const decisions = await benchDecisions();
  world.say("measuring standing exceptions");
  const exceptions = await benchStanding(world.directory);
  world.say("measuring swaps under load");
  return { rows: [...decisions, ...exceptions, ...(await benchSwaps(world))], mistakes: [] };
}
