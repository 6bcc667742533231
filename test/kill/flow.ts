import { setImmediate, setTimeout as wait } from "node:timers/promises";
import type { Points } from "./points.ts";
import type { World } from "./world.ts";

/** The flow's times, in order: each ends where something can be seen from outside, and the next begins there. */
const TIMES = [
  "judging",
  "proposing",
  "holding",
  "approving",
  "judging again",
  "spending",
  "recording",
  "recorded",
  "forwarding",
  "answering",
  "done",
] as const;
export type Time = (typeof TIMES)[number];

const PATIENCE_MS = 30_000;

/** One request on its way, and how far it came. */
export class Flow {
  readonly object: string;
  readonly points: Points;
  readonly #world: World;
  name = "";
  status: number | undefined;

  constructor(object: string, world: World) {
    this.object = object;
    this.#world = world;
    this.points = world.begin(object);
  }

  /** How far it is, by what can be seen of it. `exactly`: by the record on disk as well. */
  time(exactly = false): Time {
    const { points, name } = this;
    const { home } = this.#world;
    if (this.status !== undefined) return "done";
    if (points.count("write", "after") > 0) return "answering";
    if (points.count("write", "before") > 0) return "forwarding";
    if (name !== "" && home.used(name)) {
      return exactly && this.#world.intended(this.object) ? "recorded" : "recording";
    }
    if (points.count("dry run again", "after") > 0) return "spending";
    if (name !== "" && home.approved(name)) return "judging again";
    if (this.#world.decided) return "approving";
    if (home.proposed()) return "holding";
    return points.count("dry run", "after") > 0 ? "proposing" : "judging";
  }

  /** Resolves as soon as it is there, or past it. */
  async until(time: Time): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (TIMES.indexOf(this.time(time === "recorded")) < TIMES.indexOf(time)) {
      if (Date.now() > end) throw new Error(`${this.object} does not come past ${this.time()}`);
      await setImmediate();
    }
  }

  /** Resolves when a person can see it. */
  async held(): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const [approval] = await this.#world.approvals(this.object);
      if (approval !== undefined) {
        this.name = approval.name;
        return;
      }
      if (Date.now() > end) throw new Error(`${this.object} is held by nothing`);
      await wait(10);
    }
  }
}
