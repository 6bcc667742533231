import { benchDecisions } from "./policy/decisions.ts";
import { benchSwaps } from "./policy/swaps.ts";
import type { Benched, World } from "./world.ts";

/** The policy: the decision alone, and a swap under load. */
export async function benchPolicy(world: World): Promise<Benched> {
  world.say("measuring decisions, beside opa bench");
  const decisions = await benchDecisions();
  world.say("measuring swaps under load");
  return { rows: [...decisions, ...(await benchSwaps(world))], mistakes: [] };
}
