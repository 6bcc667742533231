import type { KnownValues } from "../../engine/mask/known-values.ts";
import { createStreamRedactor, type StreamRedactor } from "../../engine/mask/redact-stream.ts";
import { TunnelRedactor } from "../../kubernetes/channels/redact.ts";
import type { ParsedFrame } from "../../kubernetes/channels/types.ts";

/**
 * Overwrites what its session must not see in the output of a terminal, each stream searched by itself. Frames come
 * out in their order, some of them later: what a frame ends with may be the beginning of a value.
 */
export class TunnelRedaction {
  readonly #redactors: StreamRedactor[] = [];
  readonly #redactor: TunnelRedactor;
  /** Those whose bytes have not come out yet. */
  readonly #waiting: ParsedFrame[] = [];

  constructor(known: KnownValues) {
    this.#redactor = new TunnelRedactor(() => {
      const redactor = createStreamRedactor(known);
      this.#redactors.push(redactor);
      return redactor;
    });
  }

  /** Bytes that wait for what comes after them. */
  get held(): number {
    return this.#redactor.held;
  }

  /** Those of the frames that may go out now, their payloads overwritten. */
  push(frames: readonly ParsedFrame[]): ParsedFrame[] {
    this.#waiting.push(...frames);
    return this.#waiting.splice(0, this.#redactor.push(frames).length);
  }

  /** All that waits: at the end, or when somebody waits for it. */
  flush(): ParsedFrame[] {
    return this.#waiting.splice(0, this.#redactor.flush().length);
  }

  /** Where the overwritten values come from, and their HMACs: for the record. */
  get found(): { maskedFields: string[]; fingerprints: Record<string, string> } {
    return {
      maskedFields: [...new Set(this.#redactors.flatMap(({ maskedFields }) => maskedFields))],
      fingerprints: Object.assign({}, ...this.#redactors.map(({ fingerprints }) => fingerprints)),
    };
  }

  get redactions(): number {
    return this.#redactors.reduce((sum, one) => sum + one.redactions, 0);
  }
}
