const FIRST_MS = 1_000;
const LONGEST_MS = 300_000;

export interface Poll {
  close(): Promise<void>;
}

export interface PollOptions {
  /** Between two rounds that went well. */
  pollMs: number;
  /**
   * One round. `"again"`: the server itself made it wait (long polling), and the next one follows at once; `"failed"`:
   * whoever had to hear of it has. What it throws goes to `failed`.
   */
  round(signal: AbortSignal): Promise<"done" | "again" | "failed">;
  failed(error: unknown): void;
  /** The first wait after a failure; each further one is twice as long. 1,000 where absent. */
  retryMs?: number | undefined;
  /** 0 to 1; random where absent. */
  random?: () => number;
}

/**
 * Rounds one after the other. After a failure the wait doubles, up to five minutes; and each wait is jittered, so
 * that a fleet which lost its server does not come back to it as one.
 */
export function poll({ pollMs, round, failed, retryMs = FIRST_MS, random = Math.random }: PollOptions): Poll {
  const closing = new AbortController();
  const { signal } = closing;
  const running = (async () => {
    let failures = 0;
    let waitMs = pollMs * (0.9 + 0.2 * random());
    for (;;) {
      await pause(waitMs, signal);
      if (signal.aborted) return;
      const outcome = await round(signal).catch((error: unknown) => {
        if (!signal.aborted) failed(error);
        return "failed" as const;
      });
      failures = outcome === "failed" ? failures + 1 : 0;
      if (outcome === "again") waitMs = 0;
      else if (outcome === "done") waitMs = pollMs * (0.9 + 0.2 * random());
      else waitMs = backoffMs(failures, random, retryMs);
    }
  })();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** Half of it is certain, half of it is chance. */
export function backoffMs(failures: number, random: () => number, firstMs = FIRST_MS): number {
  const whole = Math.min(LONGEST_MS, firstMs * 2 ** Math.min(failures - 1, 20));
  return whole / 2 + (whole / 2) * random();
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    timer.unref();
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
