import { isUtf8 } from "node:buffer";
import { ByteFilter } from "./byte-filter.ts";
import { ByteMatcher, type BytePattern, type Span } from "./byte-matcher.ts";
import { encodingsOf } from "./encodings.ts";
import { valueParts } from "./value-parts.ts";
import { type Holder, ValuesBudget } from "./values-budget.ts";

/**
 * Values of fewer bytes are not looked for in streams: a word of seven letters stands in any log by chance, and one
 * that short is guessed sooner than it is printed. GitLab masks variables in job logs from eight characters on.
 */
export const SHORTEST = 8;
/** Longer values are looked for as they are, in JSON and in whole base64 only; and so are those that come late. */
const ALL_ENCODINGS = 1024;
/** What the matchers of one session may hold (28 MB). */
const SESSION_STATES = 1_000_000;
/** Lines of a value that are looked for by themselves, as they are: loggers print what has many lines line by line. */
const LINE = 16;
const LINE_LIMIT = 1024;

export interface Origin {
  /** `shop/db:data.password`. */
  path: string;
  /** HMAC of the value under the install's key. */
  fingerprint?: string;
}

/** What could be anything's name: `postgres` is a user, an image, a label and a namespace. */
const NAME_LIKE = /^[a-z][a-z.-]{0,14}$/;

/** Nothing but certificates, or public keys. */
function isPublic(text: string): boolean {
  return /^\s*-----BEGIN (?:CERTIFICATE|PUBLIC KEY)-----/.test(text) && !text.includes("PRIVATE KEY");
}

/**
 * The values that one session must not see: what was masked for it, and the Secrets of the pods whose logs or
 * terminals it opened. Bounded: once there are more than can be looked for, `complete` is false, and streams of
 * this session are refused instead of passed unsearched.
 */
export class KnownValues implements Holder {
  readonly #values = new Map<string, number>();
  #origins: Origin[] = [];
  /** Patterns that are in no matcher yet, and those of each matcher. */
  #fresh: BytePattern[] = [];
  #levels: BytePattern[][] = [];
  #matchers: readonly ByteMatcher[] = [];
  /** What could be a name: looked for in streams, and not in objects, which consist of names. */
  readonly #nameLike = new Set<number>();
  readonly #shared: ValuesBudget;
  #states = 1;
  #bytes = 0;
  #complete = true;
  #ended = false;
  #escaped = false;
  #filter = new ByteFilter();

  constructor(shared = new ValuesBudget()) {
    this.#shared = shared;
  }

  /** Takes up a value. Shorter ones than SHORTEST are not looked for, nor are certificates, which are public. */
  add(value: string | Uint8Array, origin: Origin = { path: "" }): void {
    if (this.#complete && !this.offer(value, origin)) this.#complete = false;
  }

  /** As `add`, for who can do without: false where there is no room, and then `complete` stays as it was. */
  offer(value: string | Uint8Array, origin: Origin = { path: "" }): boolean {
    const given = typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value);
    // Files end with a newline, and what a program prints of them does not.
    const key = given.toString("latin1").trim();
    if (key.length < SHORTEST || isPublic(key) || this.#values.has(key)) return true;
    const bytes = Buffer.from(key, "latin1");
    let room = this.#take(bytes, key, origin, true);
    for (const part of isUtf8(bytes) ? valueParts(bytes.toString("utf8")) : []) {
      const inside = Buffer.from(part, "utf8");
      if (!this.#values.has(inside.toString("latin1"))) {
        room = room && this.#take(inside, inside.toString("latin1"), origin, true);
      }
    }
    for (const line of key.includes("\n") ? key.split("\n") : []) {
      const part = line.trim();
      // The markers of a PEM say nothing, and stand in every certificate's neighbourhood.
      if (part.length < LINE || part.length > LINE_LIMIT || part.startsWith("-----")) continue;
      if (!this.#values.has(part)) room = room && this.#take(Buffer.from(part, "latin1"), part, origin, false);
    }
    return room;
  }

  #take(bytes: Buffer, key: string, origin: Origin, whole: boolean): boolean {
    const all = whole && bytes.length <= ALL_ENCODINGS && this.#states < SESSION_STATES / 2;
    const forms = whole ? encodingsOf(bytes, all) : [bytes];
    const cost = forms.reduce((sum, form) => sum + form.length, 0);
    if (this.#ended || this.#states + cost > SESSION_STATES || !this.#shared.take(this, cost)) return false;
    const index = this.#origins.length;
    this.#values.set(key, index);
    this.#origins.push(origin);
    for (const form of forms) {
      this.#fresh.push({ bytes: form, value: index });
      this.#filter.add(form);
    }
    if (NAME_LIKE.test(key)) this.#nameLike.add(index);
    if (/[^\w .,:;=@/+*#~!?$%^()[\]{}|'-]/.test(key)) this.#escaped = true;
    this.#states += cost;
    this.#bytes += bytes.length;
    return true;
  }

  /** How many values are looked for. */
  get size(): number {
    return this.#origins.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False once a value could not be taken up. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Whether a value looks otherwise inside JSON, and otherwise again inside JSON inside JSON. */
  get escaped(): boolean {
    return this.#escaped;
  }

  values(): Uint8Array[] {
    return [...this.#values.keys()].map((key) => Buffer.from(key, "latin1"));
  }

  originOf(index: number): Origin {
    return this.#origins[index] ?? { path: "" };
  }

  /** Whether any of them may stand in the bytes: a look that costs a twentieth of a matcher's, and builds none. */
  mayStandIn(bytes: Uint8Array): boolean {
    return this.#filter.mayStandIn(bytes);
  }

  /**
   * The matchers of all values known by now, the oldest first. Each is at least twice as large as the next, so that a
   * value is built into few of them in its time, and a list of a thousand Secrets does not build all a thousand times.
   */
  matchers(): readonly ByteMatcher[] {
    if (this.#fresh.length === 0) return this.#matchers;
    let patterns = this.#fresh;
    this.#fresh = [];
    for (let last = this.#levels.at(-1); last !== undefined; last = this.#levels.at(-1)) {
      if (last.length >= 2 * patterns.length) break;
      patterns = [...last, ...patterns];
      this.#levels.pop();
    }
    this.#matchers = [...this.#matchers.slice(0, this.#levels.length), new ByteMatcher(patterns)];
    this.#levels.push(patterns);
    return this.#matchers;
  }

  /** Where values that are no names stand, in order; what overlaps is one span. */
  find(bytes: Uint8Array): Span[] {
    const spans = this.matchers().flatMap((matcher) => matcher.find(bytes, this.#nameLike));
    const merged: Span[] = [];
    for (const span of spans.sort((a, b) => a.start - b.start)) {
      const last = merged.at(-1);
      if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end);
      else merged.push(span);
    }
    return merged;
  }

  /** Whether a value that is no name stands in the bytes. */
  standsIn(bytes: Uint8Array): boolean {
    return this.mayStandIn(bytes) && this.matchers().some((matcher) => matcher.test(bytes, this.#nameLike));
  }

  /** Gives up all that it holds; streams of its session end. */
  overflow(): void {
    this.#complete = false;
    this.#values.clear();
    this.#nameLike.clear();
    this.#origins = [];
    this.#fresh = [];
    this.#levels = [];
    this.#matchers = [];
    this.#filter = new ByteFilter();
    this.#states = 1;
    this.#bytes = 0;
  }

  /** Ends it with its session: what still comes to be masked for it is kept nowhere. */
  forget(): void {
    this.overflow();
    this.#ended = true;
    this.#shared.release(this);
  }
}
