import type { MaskedAnswer } from "../../engine/mask/masker.ts";

/** Distinct masked fields that one answer puts on record. */
const FIELDS_LIMIT = 1_000;

/** What was masked in an answer that is masked piece by piece, for its record. */
export class MaskedFields {
  readonly #fields = new Set<string>();
  readonly fingerprints: Record<string, string> = Object.create(null);
  #more = 0;

  /** Nothing more is kept. */
  get full(): boolean {
    return this.#fields.size >= FIELDS_LIMIT;
  }

  add({ maskedFields, fingerprints }: MaskedAnswer<unknown>): void {
    if (this.full) {
      this.#more += maskedFields.length;
      return;
    }
    for (const field of maskedFields) {
      if (this.#fields.has(field)) continue;
      if (this.full) {
        this.#more++;
        continue;
      }
      this.#fields.add(field);
      const fingerprint = fingerprints[field];
      if (fingerprint !== undefined) this.fingerprints[field] = fingerprint;
    }
  }

  list(): string[] {
    return this.#more === 0 ? [...this.#fields] : [...this.#fields, `+${this.#more} more`];
  }
}
