import type { ChainCursor } from "./chain-cursor.ts";
import { chainHeads } from "./session-events.ts";
import type { StoreReader } from "./store/store.ts";

type Listener = (heads: ChainCursor) => void;

export interface HeadWatchOptions {
  store: StoreReader;
  tenant: string;
  /** Between two looks at the store. */
  everyMs: number;
  /** The store could not be asked; it is asked again. */
  onError(error: unknown): void;
}

/**
 * Tells the followers of sessions how far these are on record. The store is asked once for all of them together, so
 * that another follower costs it nothing while nothing happens, and not at all while there is none.
 */
export class HeadWatch {
  readonly #options: HeadWatchOptions;
  readonly #listeners = new Map<string, Set<Listener>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeadWatchOptions) {
    this.#options = options;
  }

  /** Calls back with the heads of a session's chains after each look; returns what ends that. */
  watch(session: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(session) ?? new Set();
    this.#listeners.set(session, listeners.add(listener));
    this.#timer ??= setTimeout(this.#look, 0);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(session);
    };
  }

  readonly #look = async (): Promise<void> => {
    const { store, tenant, everyMs, onError } = this.#options;
    // Whoever comes while the store is asked is told after the next look.
    const asked = [...this.#listeners].map(([session, listeners]) => ({ session, listeners: [...listeners] }));
    try {
      const heads = await chainHeads(
        store,
        tenant,
        asked.map(({ session }) => session),
      );
      for (const { session, listeners } of asked) {
        for (const listener of listeners) listener(heads.get(session) ?? new Map());
      }
    } catch (error) {
      onError(error);
    }
    this.#timer = this.#listeners.size === 0 ? undefined : setTimeout(this.#look, everyMs);
  };
}
