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
  /** The last change that was refused and still is what is there, so that an operator sees that something else serves. */
  rejected?: { at: string; reason: string };
  /** The bundle's serial, where it has one. */
  serial?: number;
  /** RFC 3339: when what is at the source was last found to be what is in force. */
  checkedAt: string;
  /** How often it was not, since the start: out of reach, or refused. */
  failures: number;
  /** The candidate that is asked beside it, where the configuration names one. */
  shadow?: object;
}

/** What can change apart from the other, and so be rejected apart. */
export type PolicyPart = "bundle" | "guardrails";

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
  #checkedAt: number;
  #failures = 0;
  #serial: number | undefined;
  /** What the status says of a candidate. */
  shadow: (() => object) | undefined;
  readonly #rejected = new Map<PolicyPart, NonNullable<PolicyStatus["rejected"]>>();

  constructor(policy: Policy, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#current = policy;
    this.#loadedAt = clock.now();
    this.#checkedAt = this.#loadedAt;
  }

  get current(): Policy {
    return this.#current;
  }

  /** Puts the next policy in force, then tells every listener: open streams are decided again. */
  swap(next: Policy): void {
    const previous = this.#current;
    this.#current = next;
    this.#loadedAt = this.#clock.now();
    for (const listener of [...this.#listeners]) listener(next, previous);
  }

  /** Remembers why a change is not in force; answers whether that is news. */
  reject(error: unknown, part: PolicyPart = "bundle"): boolean {
    const reason = errorMessage(error);
    const news = this.#rejected.get(part)?.reason !== reason;
    this.#failures += 1;
    this.#rejected.delete(part);
    this.#rejected.set(part, { at: rfc3339(this.#clock.now()), reason });
    return news;
  }

  /** What is there is what is in force. */
  settle(part: PolicyPart): void {
    this.#rejected.delete(part);
    if (part === "bundle") this.#checkedAt = this.#clock.now();
  }

  rejects(part: PolicyPart): boolean {
    return this.#rejected.has(part);
  }

  /** Of the bundle in force. */
  set serial(serial: number | undefined) {
    this.#serial = serial;
  }

  onSwap(listener: SwapListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): PolicyStatus {
    const rejected = [...this.#rejected.values()].at(-1);
    return {
      revision: this.#current.revision,
      digest: this.#current.digest ?? "",
      loadedAt: rfc3339(this.#loadedAt),
      ...(this.#serial === undefined ? {} : { serial: this.#serial }),
      checkedAt: rfc3339(this.#checkedAt),
      failures: this.#failures,
      ...(rejected === undefined ? {} : { rejected }),
      ...(this.shadow === undefined ? {} : { shadow: this.shadow() }),
    };
  }
}
