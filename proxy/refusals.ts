import type { EventDraft, Recorder } from "../audit/event.ts";
import { nowMs } from "./events.ts";

const IN_FULL = 100;
const WINDOW_MS = 1_000;

/**
 * Puts refusals on record. Those of nobody that we know are put on record in full up to a hundred a second, and
 * counted past that: who needs no token must not be able to fill the spool, which refuses everybody when it is full.
 */
export class Refusals {
  readonly #recorder: Recorder;
  #windowEnds = 0;
  #inFull = 0;
  #suppressed = 0;
  #timer: NodeJS.Timeout | undefined;
  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  record(event: EventDraft): void {
    if (event.session_id !== "anonymous" || this.#hasRoom()) {
      this.#recorder.record(event);
      return;
    }
    this.#suppressed++;
    this.#timer ??= setTimeout(() => this.close(), this.#windowEnds - performance.now());
  }

  /** Says what was counted so far. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#suppressed === 0) return;
    this.#recorder.record({
      kind: "request.refused",
      session_id: "anonymous",
      at_ms: nowMs(),
      status: 0,
      effect: "deny",
      rules: ["request/too-many"],
      payload: { code: "too-many", suppressed: this.#suppressed, forwarded: false },
    });
    this.#suppressed = 0;
  }

  #hasRoom(): boolean {
    const now = performance.now();
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + WINDOW_MS;
      this.#inFull = 0;
    }
    return ++this.#inFull <= IN_FULL;
  }
}
