import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../base/errors.ts";
import type { TreeHead } from "./checkpoint.ts";
import type { Witness } from "./witness.ts";

/** Notes that wait for a place that is away: a week of them. The newest covers all before it, so older ones go first. */
const MAX_WAITING = 10_000;
const MAX_WAIT_MS = 60_000;

interface Waiting {
  witness: Witness;
  notes: { note: string; head: TreeHead }[];
  busy: Promise<void> | undefined;
  failing: string | undefined;
}

/** Brings each note to each place, in order, for as long as it takes. A place that is away holds up no other. */
export class WitnessQueue {
  readonly #waiting: Waiting[];
  readonly #stop = new AbortController();
  readonly #log: (level: "info" | "error", message: string, fields: Record<string, unknown>) => void;

  constructor(
    witnesses: readonly Witness[],
    log: (level: "info" | "error", message: string, fields: Record<string, unknown>) => void,
  ) {
    this.#waiting = witnesses.map((witness) => ({ witness, notes: [], busy: undefined, failing: undefined }));
    this.#log = log;
  }

  /** The places that do not take notes now, and why. */
  get failing(): { name: string; reason: string }[] {
    return this.#waiting.flatMap(({ witness, failing }) =>
      failing === undefined ? [] : [{ name: witness.name, reason: failing }],
    );
  }

  add(note: string, head: TreeHead): void {
    for (const one of this.#waiting) {
      one.notes.push({ note, head });
      if (one.notes.length > MAX_WAITING) one.notes.shift();
      one.busy ??= this.#bring(one).finally(() => {
        one.busy = undefined;
      });
    }
  }

  /** Gives what waits a last chance of so many milliseconds. */
  async close(ms: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), ms);
    await Promise.all(this.#waiting.map(({ busy }) => busy));
    clearTimeout(timer);
  }

  async #bring(one: Waiting): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      const next = one.notes[0];
      if (next === undefined) return;
      try {
        await one.witness.append(next.note, next.head);
        if (one.notes[0] === next) one.notes.shift();
        if (one.failing !== undefined)
          this.#log("info", "a place for checkpoints takes them again", { place: one.witness.name });
        one.failing = undefined;
        failures = 0;
      } catch (error) {
        one.failing = errorMessage(error);
        if (failures++ % 20 === 0) {
          this.#log("error", "a checkpoint could not be brought to its place; it is tried again", {
            place: one.witness.name,
            reason: one.failing,
          });
        }
        await sleep(Math.min(MAX_WAIT_MS, 250 * 2 ** Math.min(failures, 8)), undefined, { signal }).catch(() => {});
      }
    }
  }
}
