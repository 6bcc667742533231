import { Refusal } from "../base/errors.ts";
import type { Identity } from "../identity/types.ts";

/**
 * How many requests each identity has under way: watches, tunnels, what is held and what nobody reads. Each holds
 * memory, and a connection to the API server: without a cap one agent could take them all, 100 on each of its
 * HTTP/2 connections. Sessions are no measure, since whoever has an ID token can open as many as they like.
 */
export class UnderWay {
  readonly #counts = new Map<string, number>();
  readonly #limit: number;
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Throws Refusal `too-many`. The returned function is to be called once, when the request is over. */
  enter({ issuer, username }: Identity): () => void {
    const key = JSON.stringify([issuer, username]);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#limit) {
      throw new Refusal("too-many", `${username} already has ${count} requests under way at this gateway`, {
        next: "End watches, followed logs and tunnels that are no longer needed.",
      });
    }
    this.#counts.set(key, count + 1);
    return () => {
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left === 0) this.#counts.delete(key);
      else this.#counts.set(key, left);
    };
  }
}
