import type { Tokens } from "./budgets-tokens.ts";

export interface ModelCounts extends Tokens {
  connection: string;
  model: string;
  replies: number;
}

/** Models are named by callers and providers: what does not look like a name, or is one too many, is counted together. */
const NAME = /^[\w.:@/+-]{1,100}$/;
const MODELS = 200;
const OTHER = "other";

/** Replies and tokens by connection and model, since this gateway started. */
export class BudgetsMetrics {
  readonly #counts = new Map<string, ModelCounts>();

  count(connection: string, model: string, tokens: Tokens): void {
    const counts = this.#of(connection, NAME.test(model) ? model : OTHER);
    counts.replies += 1;
    for (const kind of ["input", "output", "cacheRead", "cacheWrite"] as const) counts[kind] += tokens[kind];
  }

  all(): Iterable<Readonly<ModelCounts>> {
    return this.#counts.values();
  }

  #of(connection: string, model: string): ModelCounts {
    const key = `${connection} ${model}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= MODELS && model !== OTHER) return this.#of(connection, OTHER);
    const counts = { connection, model, replies: 0, input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
    this.#counts.set(key, counts);
    return counts;
  }
}
