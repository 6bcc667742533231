import { setImmediate } from "node:timers/promises";
import type { Shown, World } from "./world.ts";

/** The steps of the flow, in order: each ends where something can be seen from outside, and the next begins there. */
export const STEPS = [
  "judging",
  "proposing",
  "holding",
  "approving",
  "judging again",
  "spending",
  "recording",
  "forwarding",
  "answering",
  "done",
] as const;
export type StepName = (typeof STEPS)[number];

/** One request on its way, and how far it came. */
export class Flow {
  readonly object: string;
  readonly #world: World;
  readonly #before: Set<string>;
  /** Dry runs of this request that were answered before this attempt of it. */
  name: string | undefined;
  digest: string | undefined;
  approving = false;
  status: number | undefined;

  constructor(object: string, world: World) {
    this.object = object;
    this.#world = world;
    this.#before = new Set(world.home.branches());
  }

  /** The step that it is in, by what can be seen of it. `exactly`: the gateway is dead, and its record may be read. */
  step(exactly = false): StepName {
    const { home } = this.#world;
    const asked = this.#world.asked(this.object);
    this.digest ??= home.branches().find((digest) => !this.#before.has(digest));
    const name = this.digest === undefined ? undefined : `${this.digest.slice(0, 16)}-1`;
    if (this.status !== undefined) return "done";
    if (asked.writesAnswered > 0) return "answering";
    if (asked.writes > 0) return "forwarding";
    if (name !== undefined && home.uses(name) > 0) {
      return exactly && this.#world.intended(this.object) ? "forwarding" : "recording";
    }
    if (asked.dryRunsAnswered > 1) return "spending";
    if (name !== undefined && home.merged(name)) return "judging again";
    if (this.approving) return "approving";
    if (name !== undefined) return "holding";
    return asked.dryRunsAnswered > 0 ? "proposing" : "judging";
  }

  /** Resolves as soon as it is in that step, or past it. */
  async until(step: StepName): Promise<void> {
    const end = Date.now() + 30_000;
    while (STEPS.indexOf(this.step()) < STEPS.indexOf(step)) {
      if (Date.now() > end) throw new Error(`${this.object} does not come past ${this.step()}`);
      await setImmediate();
    }
  }
}

/** What the gateway says of it. The first approval of this request, or the one that is asked for now. */
export async function approvalOf(world: World, object: string): Promise<Shown[]> {
  return (await world.approvals(object)).toReversed();
}
