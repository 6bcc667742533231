import { hmac } from "../../base/digest.ts";
import { ByteFilter } from "./byte-filter.ts";
import type { ByteMatcher, Span } from "./byte-matcher.ts";
import { encodingsOf } from "./encodings.ts";
import { MatcherLevels } from "./matcher-levels.ts";
import { beginningsOf, isPublic, linesOf, NAME_LIKE, partsOf, SHORTEST } from "./value-forms.ts";
import { type Holder, ValuesBudget } from "./values-budget.ts";

/** Longer values are looked for as they are, in JSON and in whole base64 only; and so are those that come late. */
const ALL_ENCODINGS = 1024;
/** What the matchers of one session may hold (30 MB): some 19,000 passwords, or 220 private keys of 1.7 KB. */
const SESSION_STATES = 3_000_000;
/** Values that are prepared before others may run: some 2 ms. */
const SOME = 64;

export interface Origin {
  /** `shop/db:data.password`. */
  path: string;
  /** HMAC of the value under the install's key; made with `hmacKey` when it is asked for. */
  fingerprint?: string;
  hmacKey?: Uint8Array;
}

/** HMAC of a masked value: of the value and not of its encoding, so that it is the same in a Secret and elsewhere. */
export function fingerprintOf(hmacKey: Uint8Array, value: Uint8Array): string {
  return hmac(hmacKey, "masked-value", value);
}

/** `given`: all of the value, as latin1. */
type Source = Origin & { given: string };

/** `whole` false: a line, which is looked for as it is. */
interface Value {
  key: string;
  index: number;
  whole: boolean;
}

/** What is known, and what it takes to look for it. */
class Held {
  /** By the value, as latin1. */
  readonly values = new Map<string, number>();
  readonly origins: Source[] = [];
  /** Values that are not in the filter yet, and those whose encodings were not made yet. */
  readonly unread: Value[] = [];
  readonly unbuilt: Value[] = [];
  readonly levels = new MatcherLevels();
  /** What could be a name: looked for in streams, and not in objects, which consist of names. */
  readonly nameLike = new Set<number>();
  readonly filter = new ByteFilter();
  states = 1;
  bytes = 0;
  longest = 0;
  escaped = false;
  lined = false;
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/**
 * The values that one session must not see: what was masked for it, and the Secrets of the pods whose logs or
 * terminals it opened. Bounded: once there are more than can be looked for, `complete` is false, and streams of
 * this session are refused instead of passed unsearched.
 */
export class KnownValues implements Holder {
  readonly #shared: ValuesBudget;
  #held = new Held();
  #complete = true;
  #ended = false;

  constructor(shared = new ValuesBudget()) {
    this.#shared = shared;
  }

  /**
   * Takes up a value. Shorter ones than SHORTEST are not looked for, nor are certificates, which are public. What it
   * takes to look for it is made when something is looked for: a list of a thousand Secrets is masked without.
   */
  add(value: string | Uint8Array, origin: Origin = { path: "" }): void {
    if (this.#complete && !this.#take(value, origin)) this.#complete = false;
  }

  /** As `add`, for who can do without: false where there is no room, and then `complete` stays as it was. */
  offer(value: string | Uint8Array, origin: Origin = { path: "" }): boolean {
    const { complete } = this;
    const took = this.#take(value, origin) && this.#makeForms();
    this.#complete = complete;
    return took;
  }

  #take(value: string | Uint8Array, origin: Origin): boolean {
    const given = (typeof value === "string" ? Buffer.from(value, "utf8") : asBuffer(value)).toString("latin1");
    // Files end with a newline, and what a program prints of them does not.
    const key = given.trim();
    if (key.length < SHORTEST || isPublic(key) || this.#held.values.has(key)) return true;
    return this.#register(key, { ...origin, given }, this.#held.unread, true);
  }

  #register(key: string, source: Source, queue: Value[], whole: boolean): boolean {
    if (this.#held.values.has(key)) return true;
    if (this.#ended || this.#held.states + key.length > SESSION_STATES || !this.#shared.take(this, key.length))
      return false;
    const index = this.#held.origins.length;
    this.#held.values.set(key, index);
    this.#held.origins.push(source);
    this.#held.states += key.length;
    this.#held.bytes += key.length;
    this.#held.longest = Math.max(this.#held.longest, key.length);
    this.#held.lined ||= key.includes("\n");
    queue.push({ key, index, whole });
    return true;
  }

  /** Puts what came since into the filter, with the parts and the lines that are looked for by themselves. */
  #read(): void {
    while (this.#readSome());
  }

  /** False where none is left. */
  #readSome(): boolean {
    const held = this.#held;
    for (const value of held.unread.splice(0, SOME)) {
      const source = held.origins[value.index] as Source;
      const found = [value];
      let room = true;
      for (const part of partsOf(value.key)) room = room && this.#register(part, source, found, true);
      for (const line of linesOf(value.key)) room = room && this.#register(line, source, found, false);
      if (!room) this.#complete = false;
      for (const one of found) {
        for (const form of one.whole ? beginningsOf(one.key) : [Buffer.from(one.key, "latin1")]) held.filter.add(form);
        if (NAME_LIKE.test(one.key)) held.nameLike.add(one.index);
        if (/[^\w .,:;=@/+*#~!?$%^()[\]{}|'-]/.test(one.key)) held.escaped = true;
        held.unbuilt.push(one);
      }
    }
    return held.unread.length > 0;
  }

  /** Makes the encodings of what came since; false where there is no room for all. */
  #makeForms(): boolean {
    this.#read();
    let room = true;
    while (this.#held.unbuilt.length > 0) room = this.#makeSome() && room;
    return room;
  }

  /** False where there is no room. */
  #makeSome(): boolean {
    let room = true;
    for (const { key, index, whole } of this.#held.unbuilt.splice(0, SOME)) {
      const bytes = Buffer.from(key, "latin1");
      const all = bytes.length <= ALL_ENCODINGS && this.#held.states < SESSION_STATES / 2;
      const forms = whole ? encodingsOf(bytes, all) : [bytes];
      // Of the first byte string, which is the value itself, the room is taken.
      const cost = forms.reduce((sum, form) => sum + form.length, -bytes.length);
      if (this.#ended || this.#held.states + cost > SESSION_STATES || !this.#shared.take(this, cost)) {
        room = false;
        continue;
      }
      this.#held.states += cost;
      for (const form of forms) this.#held.levels.add({ bytes: form, value: index });
    }
    if (!room) this.#complete = false;
    return room;
  }

  /**
   * Makes some of what it takes to look for what came since, for a few milliseconds; false where nothing is left. Who looks for
   * values without it makes all of it at once: a third of a second for ten thousand of them.
   */
  prepare(): boolean {
    const { unread, unbuilt, levels } = this.#held;
    if (unread.length > 0) this.#readSome();
    else if (unbuilt.length > 0) this.#makeSome();
    else return levels.advance();
    return true;
  }

  /** Its session has ended, or what it held is known no more: it takes up and finds nothing. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many values are looked for. */
  get size(): number {
    return this.#held.origins.length;
  }

  get bytes(): number {
    return this.#held.bytes;
  }

  /** How many bytes the longest value has. */
  get longest(): number {
    return this.#held.longest;
  }

  /** Whether a value has more than one line. */
  get lined(): boolean {
    return this.#held.lined;
  }

  /** False once a value could not be taken up. */
  get complete(): boolean {
    if (this.#complete) this.#makeForms();
    return this.#complete;
  }

  /** Whether a value looks otherwise inside JSON, and otherwise again inside JSON inside JSON. */
  get escaped(): boolean {
    this.#read();
    return this.#held.escaped;
  }

  values(): Uint8Array[] {
    this.#read();
    return [...this.#held.values.keys()].map((key) => Buffer.from(key, "latin1"));
  }

  originOf(index: number): Origin {
    const source = this.#held.origins[index];
    if (source === undefined) return { path: "" };
    const { path, given, hmacKey } = source;
    if (source.fingerprint === undefined && hmacKey !== undefined) {
      source.fingerprint = fingerprintOf(hmacKey, Buffer.from(given, "latin1"));
    }
    return { path, ...(source.fingerprint !== undefined && { fingerprint: source.fingerprint }) };
  }

  /** Whether any of them may stand in the bytes: a look that costs a twentieth of a matcher's, and builds none. */
  mayStandIn(bytes: Uint8Array): boolean {
    this.#read();
    return this.#held.filter.mayStandIn(bytes);
  }

  /** The matchers of all values known by now, the oldest first. */
  matchers(): readonly ByteMatcher[] {
    const { unread, unbuilt, levels } = this.#held;
    if (unread.length > 0 || unbuilt.length > 0) this.#makeForms();
    return levels.matchers();
  }

  /** Where values that are no names stand, in order; what overlaps is one span. `all`: those that could be names too. */
  find(bytes: Uint8Array, all = false): Span[] {
    const spans = this.matchers().flatMap((matcher) => matcher.find(bytes, all ? undefined : this.#held.nameLike));
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
    return this.mayStandIn(bytes) && this.matchers().some((matcher) => matcher.test(bytes, this.#held.nameLike));
  }

  /** Gives up all that it holds; streams of its session end. */
  overflow(): void {
    this.#complete = false;
    this.#held = new Held();
  }

  /**
   * Ends it with its session: what still comes to be masked for it is kept nowhere. Returns what it held, for who has
   * to search what the session left behind: that counts for `shared`, as long as it is not forgotten itself, and for
   * the budget of the session no more.
   */
  forget(shared = new ValuesBudget()): KnownValues {
    const rest = new KnownValues(shared);
    rest.#complete = this.#complete;
    if (this.#held.values.size > 0) {
      rest.#held = this.#held;
      if (!shared.take(rest, this.#held.states)) rest.overflow();
    }
    this.overflow();
    this.#ended = true;
    this.#shared.release(this);
    return rest;
  }
}
