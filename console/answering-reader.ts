import type { QueryOptions } from "../audit/store/store.ts";
import { errorMessage, Refusal } from "../base/errors.ts";
import type { ConsoleDeps } from "./deps.ts";

/**
 * The record as routes read it: where the store is away, starved or out of time that is a 503, which passes, and is
 * logged; not an error of ours that nobody foresaw. What somebody's own SQL is told (`ask`) stays as it is.
 */
export function answeringReader({ reader, log }: Pick<ConsoleDeps, "reader" | "log">): ConsoleDeps["reader"] {
  return {
    ask: (question) => reader.ask(question),
    async query<Row>(sql: string, params?: Record<string, unknown>, options?: QueryOptions): Promise<Row[]> {
      try {
        return await reader.query<Row>(sql, params, options);
      } catch (cause) {
        log.warn("the record could not be read for an answer", { reason: errorMessage(cause) });
        throw new Refusal("recorder-unavailable", "the record cannot be read now", {
          next: "Try again later; the operator of the gateway sees the reason in its log.",
          retryAfterSeconds: 5,
          cause,
        });
      }
    },
  };
}
