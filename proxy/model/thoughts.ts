import { hash } from "node:crypto";
import { Remembered } from "./remembered.ts";

/** Of all sessions: some 20 MB. */
const GENERATION = 65_536;

/** What one provider says another one has not heard. */
interface Thinker {
  session: { id: string };
  connection: { name: string };
}

/**
 * What the models of each session thought, known by its SHA-256: clients send it back, signed, and it must come to the provider as
 * it was. In memory: after a restart, and in another replica, nothing is known of what was thought before.
 */
export class Thoughts {
  readonly #texts = new Remembered(GENERATION);

  heard(thinker: Thinker, text: string): void {
    this.#texts.add(keyOf(thinker, text));
  }

  /** Whether that provider thought that text in this session, letter for letter. */
  has(thinker: Thinker, text: string): boolean {
    return this.#texts.has(keyOf(thinker, text));
  }
}

const keyOf = ({ session, connection }: Thinker, text: string): string =>
  `${session.id} ${connection.name} ${hash("sha256", text, "base64")}`;
