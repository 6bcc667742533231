import { Refusal } from "../base/errors.ts";
import type { Identity } from "../identity/types.ts";

/** Caps of the configuration. `requests`: of one identity. Bytes are those of bodies that are kept in memory. */
export interface UnderWayLimits {
  requests: number;
  identityBytes: number;
  bytes: number;
}

/** The memory of one request's body. */
export interface BodyRoom {
  /** Throws Refusal `too-many` where the identity, or all together, have no room for so many bytes more. */
  take(bytes: number): void;
  /** The body is gone; may be called more than once. */
  free(): void;
}

/**
 * How many requests each identity has under way: watches, tunnels, what is held and what nobody reads. Each holds
 * memory, and a connection to the API server: without a cap one agent could take them all, 100 on each of its
 * HTTP/2 connections. Sessions are no measure, since whoever has an ID token can open as many as they like.
 */
export class UnderWay {
  readonly #counts = new Map<string, number>();
  readonly #bytes = new Map<string, number>();
  readonly #limits: UnderWayLimits;
  #allBytes = 0;

  constructor(limits: UnderWayLimits) {
    this.#limits = limits;
  }

  /** Throws Refusal `too-many`. The returned function is to be called once, when the request is over. */
  enter(identity: Identity): () => void {
    const key = keyOf(identity);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#limits.requests) {
      throw new Refusal("too-many", `${identity.username} already has ${count} requests under way at this gateway`, {
        next: "End watches, followed logs and tunnels that are no longer needed.",
      });
    }
    this.#counts.set(key, count + 1);
    return () => add(this.#counts, key, -1);
  }

  /**
   * Bytes are counted as they come, and not as they are announced: who says a length and sends nothing takes no room from
   * others.
   */
  bodyOf(identity: Identity): BodyRoom {
    const key = keyOf(identity);
    let taken = 0;
    return {
      take: (bytes) => {
        const own = (this.#bytes.get(key) ?? 0) + bytes;
        if (own > this.#limits.identityBytes || this.#allBytes + bytes > this.#limits.bytes) {
          const who = own > this.#limits.identityBytes ? identity.username : "this gateway";
          throw new Refusal("too-many", `${who} has too many bytes of requests under way`, {
            next: "Send the request again once others have ended.",
          });
        }
        add(this.#bytes, key, bytes);
        this.#allBytes += bytes;
        taken += bytes;
      },
      free: () => {
        add(this.#bytes, key, -taken);
        this.#allBytes -= taken;
        taken = 0;
      },
    };
  }
}

const keyOf = ({ issuer, username }: Identity): string => JSON.stringify([issuer, username]);

function add(counts: Map<string, number>, key: string, more: number): void {
  const left = (counts.get(key) ?? 0) + more;
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
}
