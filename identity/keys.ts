import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWK,
  type JWSHeaderParameters,
} from "jose";
import { canonicalJson } from "../base/canonical-json.ts";
import type { Clock } from "../base/clock.ts";
import { errorMessage, Refusal } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { JsonFetcher } from "./fetch-json.ts";
import { discoverKeysUrl } from "./issuer.ts";

/** Keys this old are fetched again: a key that the provider removed is trusted no longer than this while it is up. */
const FRESH_MS = 5 * 60_000;
/** Between two fetches, whatever asks for them: tokens with made-up kids cost the provider 12 requests a minute. */
const COOLDOWN_MS = 5_000;
/** A kid that the provider did not know is not asked for again within this. */
const UNKNOWN_KID_MS = 30_000;
const MAX_UNKNOWN_KIDS = 1_000;
const MAX_KEYS = 100;

export interface IssuerKeysOptions {
  issuer: string;
  /** How long keys are used past their freshness while the provider is down (contracts §3). */
  staleKeysSeconds: number;
  fetcher: JsonFetcher;
  clock: Clock;
  log: Log;
}

/** A key, and the generation of the set that it was found in: see `IssuerKeys.trusts`. */
export interface VerificationKey {
  key: CryptoKey;
  generation: number;
}

/**
 * One issuer's signing keys. jose's own remote set fails when its cache is old and the provider down, trusts
 * removed keys for ten minutes and doesn't remember unknown kids (measured): so only its selection is used.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #select: ReturnType<typeof createLocalJWKSet> | undefined;
  #document = "";
  #generation = 0;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #failed = false;
  #fetches = 0;
  #pending: Promise<void> | undefined;
  readonly #unknownKids = new Map<string, number>();

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /**
   * The key for a token's header. Refusal `unauthenticated` where the provider has no such key,
   * `identity-unavailable` where it cannot be asked and the key is unknown or too old.
   */
  async keyFor(header: JWSHeaderParameters): Promise<VerificationKey> {
    if (!this.#fresh()) {
      const refreshed = this.#refresh();
      // While the provider is known to be down, nobody waits for it to say so again.
      if (!this.#failed || !this.usable()) await refreshed;
    }
    if (!this.usable()) throw this.#unavailable();
    const known = await this.#find(header);
    if (known !== undefined) return known;
    if (!this.#recentlyUnknown(header.kid)) {
      const before = this.#fetches;
      await this.#refresh();
      const rotated = await this.#find(header);
      if (rotated !== undefined) return rotated;
      if (this.#failed) throw this.#unavailable();
      if (this.#fetches > before) this.#rememberUnknown(header.kid);
    }
    throw new Refusal("unauthenticated", "the token is signed with a key that its issuer does not have", {
      next: "Log in again: `sallyport login`.",
    });
  }

  /**
   * Whether the set is still the one that a token was verified with: synchronous, for tokens verified before.
   * Any change of the set verifies all of its tokens again, which costs less than to know which key each had.
   */
  trusts(generation: number): boolean {
    if (!this.#fresh()) void this.#refresh();
    return this.#generation === generation && this.usable();
  }

  /** Whether there are keys, no older than freshness and the stale allowance together. */
  usable(): boolean {
    const age = this.#options.clock.now() - this.#fetchedAt;
    return this.#select !== undefined && age < FRESH_MS + this.#options.staleKeysSeconds * 1000;
  }

  #fresh(): boolean {
    return this.#options.clock.now() - this.#fetchedAt < FRESH_MS;
  }

  async #find(header: JWSHeaderParameters): Promise<VerificationKey | undefined> {
    if (this.#select === undefined) return undefined;
    try {
      const generation = this.#generation;
      return { key: await this.#select(header), generation };
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
        return undefined;
      throw error;
    }
  }

  /** Concurrent callers share one fetch; within the cooldown nobody fetches. Never rejects: `#failed` tells. */
  async #refresh(): Promise<void> {
    if (this.#pending !== undefined) return this.#pending;
    const { clock, log, issuer, fetcher } = this.#options;
    if (clock.now() - this.#attemptedAt < COOLDOWN_MS) return;
    this.#attemptedAt = clock.now();
    const fetching = async (): Promise<void> => {
      try {
        this.#adopt(await fetcher.get(await discoverKeysUrl(issuer, fetcher)));
        this.#failed = false;
      } catch (error) {
        this.#failed = true;
        log.warn("the issuer's keys could not be fetched", {
          issuer,
          reason: errorMessage(error),
          stale: this.usable(),
        });
      } finally {
        this.#pending = undefined;
      }
    };
    this.#pending = fetching();
    return this.#pending;
  }

  #adopt(document: Record<string, unknown>): void {
    if (!Array.isArray(document.keys) || document.keys.length > MAX_KEYS)
      throw new Error(`the key set holds no list of at most ${MAX_KEYS} keys`);
    // A symmetric key published in a key set is everybody's: it never verifies anything (RFC 8725 §2.1).
    const keys = (document.keys as JWK[]).filter(
      (key) => key?.kty === "RSA" || key?.kty === "EC" || key?.kty === "OKP",
    );
    const text = canonicalJson(keys);
    if (text !== this.#document || this.#select === undefined) {
      this.#select = createLocalJWKSet({ keys } as JSONWebKeySet);
      this.#document = text;
      this.#generation++;
    }
    this.#fetches++;
    this.#fetchedAt = this.#options.clock.now();
  }

  #recentlyUnknown(kid: string | undefined): boolean {
    const until = this.#unknownKids.get(kid ?? "");
    return until !== undefined && this.#options.clock.now() < until;
  }

  #rememberUnknown(kid = ""): void {
    const oldest = this.#unknownKids.keys().next();
    if (this.#unknownKids.size >= MAX_UNKNOWN_KIDS && !oldest.done) this.#unknownKids.delete(oldest.value);
    this.#unknownKids.set(kid, this.#options.clock.now() + UNKNOWN_KID_MS);
  }

  #unavailable(): Refusal {
    return new Refusal("identity-unavailable", "the token's issuer cannot be reached, so the token cannot be checked", {
      next: "Try again when the identity provider answers.",
    });
  }
}
