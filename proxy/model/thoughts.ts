import { hash } from "node:crypto";
import { Remembered } from "./remembered.ts";

/** Of all sessions: some 20 MB. */
const GENERATION = 65_536;

/**
 * What the models of each session thought, known by its SHA-256: clients send it back, signed, and it must come to the provider as
 * it was. In memory: after a restart, and in another replica, nothing is known of what was thought before.
 */
export class Thoughts {
  readonly #texts = new Remembered(GENERATION);

  heard(sessionId: string, text: string): void {
    this.#texts.add(keyOf(sessionId, text));
  }

  /** Whether the provider thought that text in this session, letter for letter. */
  has(sessionId: string, text: string): boolean {
    return this.#texts.has(keyOf(sessionId, text));
  }
}

const keyOf = (sessionId: string, text: string): string => `${sessionId} ${hash("sha256", text, "base64")}`;
