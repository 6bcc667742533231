import type { EventDraft } from "../event.ts";
import type { SubjectKeys } from "./subject-keys.ts";

/** Columns that can be sealed; `username` with all that names a person in payloads. */
export const PERSONAL_FIELDS = ["username", "groups", "source_ip", "user_agent"] as const;
export type PersonalField = (typeof PERSONAL_FIELDS)[number];

export interface SealOptions {
  fields: ReadonlySet<PersonalField>;
  /** Usernames' prefixes, one an issuer: what begins with one in a text may be a person's name. */
  prefixes: readonly string[];
  /** Usernames that are persons' whether they were on record before or not. */
  people: ReadonlySet<string>;
}

/** Fields of payloads that hold a username, and those that hold a list of them. */
const USERNAMES: ReadonlySet<string> = new Set(["approvers", "by", "username"]);
/** Of policy's question: which of its fields a column's setting covers. */
const BY_FIELD: Readonly<Record<string, PersonalField>> = {
  groups: "groups",
  sourceIP: "source_ip",
  userAgent: "user_agent",
};

/**
 * Seals what an event says of persons, in place: each value under the key of the person whose it is. Whoever is named in
 * a text is sealed there too, where the record knows the name.
 */
export class EventSeal {
  readonly #keys: SubjectKeys;
  readonly #fields: ReadonlySet<PersonalField>;
  readonly #names: RegExp | undefined;
  readonly #people: ReadonlySet<string>;
  readonly #prefixes: readonly string[];

  constructor(keys: SubjectKeys, { fields, prefixes, people }: SealOptions) {
    this.#keys = keys;
    this.#fields = fields;
    this.#people = people;
    this.#prefixes = prefixes.filter((prefix) => prefix !== "");
    const escaped = this.#prefixes.map((prefix) => prefix.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    this.#names =
      escaped.length === 0 ? undefined : new RegExp(`(?:${escaped.join("|")})[^\\s"'\\\\,;()<>\\[\\]{}]{1,256}`, "g");
  }

  seal(event: EventDraft): EventDraft {
    const subject = event.username ?? "";
    const sealed = (field: PersonalField, value: string): string =>
      subject === "" || value === "" || !this.#fields.has(field) ? value : this.#keys.seal(subject, value);
    // The name is known before its texts are searched for names.
    sealed("username", subject);
    if (event.payload !== undefined) event.payload = this.#walk(event.payload, subject) as Record<string, unknown>;
    if (event.input !== undefined) event.input = JSON.stringify(this.#walk(JSON.parse(event.input), subject));
    if (event.username !== undefined) event.username = sealed("username", event.username);
    if (event.groups !== undefined) event.groups = event.groups.map((group) => sealed("groups", group));
    if (event.source_ip !== undefined) event.source_ip = sealed("source_ip", event.source_ip);
    if (event.user_agent !== undefined) event.user_agent = sealed("user_agent", event.user_agent);
    return event;
  }

  /** The value with what names a person sealed; the very same value where nothing does. */
  #walk(value: unknown, subject: string, key = ""): unknown {
    if (typeof value === "string") return this.#text(value, subject, key);
    if (typeof value !== "object" || value === null) return value;
    // `extra` and `uid` are what a token says of its user beside the name.
    const inside = key === "extra" ? "extra" : undefined;
    let sealed: Record<string, unknown> | unknown[] | undefined;
    for (const name in value) {
      const entry = (value as Record<string, unknown>)[name];
      const as = Array.isArray(value) ? key : (inside ?? (key === "user" && name === "uid" ? "extra" : name));
      const after = this.#walk(entry, subject, as);
      if (after === entry) continue;
      sealed ??= Array.isArray(value) ? [...value] : { ...value };
      (sealed as Record<string, unknown>)[name] = after;
    }
    return sealed ?? value;
  }

  #text(value: string, subject: string, key: string): string {
    if (value === "") return value;
    if (this.#fields.has("username")) {
      if (USERNAMES.has(key)) return this.#keys.seal(value, value);
      if (subject !== "" && (value === subject || key === "extra")) return this.#keys.seal(subject, value);
    }
    const field = BY_FIELD[key];
    if (field !== undefined && subject !== "" && this.#fields.has(field)) return this.#keys.seal(subject, value);
    if (!this.#fields.has("username") || this.#names === undefined) return value;
    if (!this.#prefixes.some((prefix) => value.includes(prefix))) return value;
    return value.replace(this.#names, (found) => {
      const name = found.replace(/[.:!?]+$/, "");
      return this.#people.has(name) || this.#keys.has(name)
        ? this.#keys.seal(name, name) + found.slice(name.length)
        : found;
    });
  }
}
