import type { ChainCursor } from "./chain-cursor.ts";
import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";
import type { HeadWatch } from "./head-watch.ts";
import { sessionEvents } from "./session-events.ts";
import { sessionLife } from "./session-life.ts";
import type { StoreReader } from "./store/store.ts";

export interface FollowOptions {
  store: StoreReader;
  tenant: string;
  session: string;
  watch: HeadWatch;
  /** Up to where the follower has each chain. */
  after: ChainCursor;
  signal: AbortSignal;
  /** As `SessionEventsOptions.clear`. */
  clear?: boolean | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** An event, and how far its reader is with it; or nothing new after a look at the store. */
export type Followed = { event: EventRow; cursor: ChainCursor } | undefined;

/** A batch of a month's end is stored in two parts, one after the other: what is missing may still come. */
const GAP_MS = 15_000;
/** What a session leaves behind when it is closed (the outcomes of its streams) is on record soon after. */
const QUIET_MS = 2_000;

/**
 * The events of a session as they come to be on record, each once, those of several gateways in the order of time as
 * far as they are there. Ends when the session is over and all of it was told, or by `signal`.
 */
export async function* followSession(options: FollowOptions): AsyncGenerator<Followed, void> {
  const { store, tenant, session, watch, signal, clear, now } = options;
  const cursor = new Map(options.after);
  const life = await sessionLife(store, tenant, session);
  const looks = new Looks();
  const end = watch.watch(session, (heads) => looks.give(heads));
  signal.addEventListener("abort", () => looks.stop(), { once: true });
  if (signal.aborted) looks.stop();
  let newestAt = 0;
  try {
    for (;;) {
      const heads = await looks.next();
      if (heads === undefined) return;
      const held = new Set<string>();
      for await (const event of sessionEvents(store, tenant, session, {
        after: cursor,
        upTo: heads,
        order: "time",
        clear,
      })) {
        if (signal.aborted) return;
        const { writer } = event;
        const seq = Number(event.seq);
        const gap = seq !== (cursor.get(writer) ?? 0) + 1 && now() - eventTime(event) < GAP_MS;
        if (gap) held.add(writer);
        if (held.has(writer)) continue;
        cursor.set(writer, seq);
        life.push(event);
        // Who reads it leaves a trace in it, and that is no part of what it leaves behind.
        if (event.kind !== "read") newestAt = Math.max(newestAt, eventTime(event));
        yield { event, cursor };
      }
      if (held.size === 0 && now() - newestAt >= QUIET_MS && life.over(now())) return;
      yield undefined;
    }
  } finally {
    end();
  }
}

/** The latest look at the store that nobody has taken yet. */
class Looks {
  #heads: ChainCursor | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  give(heads: ChainCursor): void {
    this.#heads = heads;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** Undefined when there will be no more. */
  async next(): Promise<ChainCursor | undefined> {
    if (this.#heads === undefined && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const heads = this.#heads;
    this.#heads = undefined;
    return this.#stopped ? undefined : heads;
  }
}
