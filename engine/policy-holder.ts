import { type Clock, rfc3339, systemClock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Policy, Revision } from "./decision.ts";

/** What the control API answers for `GET /v1alpha1/policy` (contracts §5). */
export interface PolicyStatus {
  revision: Revision;
  /** SHA-256 of the WASM. */
  digest: string;
  /** RFC 3339. */
  loadedAt: string;
  /** The last change that was refused since then, so that an operator sees that what serves isn't what is on disk. */
  rejected?: { at: string; reason: string };
}

export type SwapListener = (next: Policy, previous: Policy) => void;

/**
 * The policy in force. A request takes `current` once and keeps it to its end; an old policy lives as long
 * as such requests do.
 */
export class PolicyHolder {
  readonly #clock: Clock;
  readonly #listeners = new Set<SwapListener>();
  #current: Policy;
  #loadedAt: number;
  #rejected: PolicyStatus["rejected"];

  constructor(policy: Policy, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#current = policy;
    this.#loadedAt = clock.now();
  }

  get current(): Policy {
    return this.#current;
  }

  /** Puts the next policy in force, then tells every listener: open streams are decided again. */
  swap(next: Policy): void {
    const previous = this.#current;
    this.#current = next;
    this.#loadedAt = this.#clock.now();
    this.#rejected = undefined;
    for (const listener of [...this.#listeners]) listener(next, previous);
  }

  /** Remembers why a change is not in force. */
  reject(error: unknown): void {
    this.#rejected = { at: rfc3339(this.#clock.now()), reason: errorMessage(error) };
  }

  onSwap(listener: SwapListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): PolicyStatus {
    return {
      revision: this.#current.revision,
      digest: this.#current.digest ?? "",
      loadedAt: rfc3339(this.#loadedAt),
      ...(this.#rejected === undefined ? {} : { rejected: this.#rejected }),
    };
  }
}
