import { isUtf8 } from "node:buffer";
import { hmac } from "../../base/digest.ts";
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
/** What the matchers of one session may hold (30 MB): some 19,000 passwords, or 220 private keys of 1.7 KB. */
const SESSION_STATES = 3_000_000;
/** Lines of a value that are looked for by themselves, as they are: loggers print what has many lines line by line. */
const LINE = 16;
const LINE_LIMIT = 1024;

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

/** Characters that tell how each encoding begins, as far as the filter looks. */
const BEGINNING = 24;

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** What all encodings of a value begin with. */
function beginningsOf(key: string): Uint8Array[] {
  let end = Math.min(key.length, BEGINNING);
  // A character of UTF-8 is not cut: text has encodings that other bytes have not.
  while (end < key.length && end > SHORTEST && (key.charCodeAt(end) & 0xc0) === 0x80) end--;
  return encodingsOf(Buffer.from(key.slice(0, end), "latin1"), true);
}

function partsOf(key: string): string[] {
  const bytes = Buffer.from(key, "latin1");
  return isUtf8(bytes) ? valueParts(bytes.toString("utf8")).map((part) => Buffer.from(part).toString("latin1")) : [];
}

function linesOf(key: string): string[] {
  if (!key.includes("\n")) return [];
  const lines = key.split("\n").map((line) => line.trim());
  // The markers of a PEM say nothing, and stand in every certificate's neighbourhood.
  return lines.filter((line) => line.length >= LINE && line.length <= LINE_LIMIT && !line.startsWith("-----"));
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
  /** By the value, as latin1. */
  #values = new Map<string, number>();
  #origins: Source[] = [];
  /** Values that are not in the filter yet, and those whose encodings were not made yet. */
  #unread: Value[] = [];
  #unbuilt: Value[] = [];
  /** Patterns that are in no matcher yet, and those of each matcher. */
  #fresh: BytePattern[] = [];
  #levels: BytePattern[][] = [];
  #matchers: readonly ByteMatcher[] = [];
  /** What could be a name: looked for in streams, and not in objects, which consist of names. */
  #nameLike = new Set<number>();
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
    if (key.length < SHORTEST || isPublic(key) || this.#values.has(key)) return true;
    return this.#register(key, { ...origin, given }, this.#unread, true);
  }

  #register(key: string, source: Source, queue: Value[], whole: boolean): boolean {
    if (this.#values.has(key)) return true;
    if (this.#ended || this.#states + key.length > SESSION_STATES || !this.#shared.take(this, key.length)) return false;
    const index = this.#origins.length;
    this.#values.set(key, index);
    this.#origins.push(source);
    this.#states += key.length;
    this.#bytes += key.length;
    queue.push({ key, index, whole });
    return true;
  }

  /** Puts what came since into the filter, with the parts and the lines that are looked for by themselves. */
  #read(): void {
    for (const value of this.#unread.splice(0)) {
      const source = this.#origins[value.index] as Source;
      const found = [value];
      let room = true;
      for (const part of partsOf(value.key)) room = room && this.#register(part, source, found, true);
      for (const line of linesOf(value.key)) room = room && this.#register(line, source, found, false);
      if (!room) this.#complete = false;
      for (const one of found) {
        for (const form of one.whole ? beginningsOf(one.key) : [Buffer.from(one.key, "latin1")]) this.#filter.add(form);
        if (NAME_LIKE.test(one.key)) this.#nameLike.add(one.index);
        if (/[^\w .,:;=@/+*#~!?$%^()[\]{}|'-]/.test(one.key)) this.#escaped = true;
        this.#unbuilt.push(one);
      }
    }
  }

  /** Makes the encodings of what came since; false where there is no room for all. */
  #makeForms(): boolean {
    this.#read();
    let room = true;
    for (const { key, index, whole } of this.#unbuilt.splice(0)) {
      const bytes = Buffer.from(key, "latin1");
      const all = bytes.length <= ALL_ENCODINGS && this.#states < SESSION_STATES / 2;
      const forms = whole ? encodingsOf(bytes, all) : [bytes];
      // Of the first byte string, which is the value itself, the room is taken.
      const cost = forms.reduce((sum, form) => sum + form.length, -bytes.length);
      if (this.#ended || this.#states + cost > SESSION_STATES || !this.#shared.take(this, cost)) {
        room = false;
        continue;
      }
      this.#states += cost;
      for (const form of forms) this.#fresh.push({ bytes: form, value: index });
    }
    if (!room) this.#complete = false;
    return room;
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
    if (this.#complete) this.#makeForms();
    return this.#complete;
  }

  /** Whether a value looks otherwise inside JSON, and otherwise again inside JSON inside JSON. */
  get escaped(): boolean {
    this.#read();
    return this.#escaped;
  }

  values(): Uint8Array[] {
    this.#read();
    return [...this.#values.keys()].map((key) => Buffer.from(key, "latin1"));
  }

  originOf(index: number): Origin {
    const source = this.#origins[index];
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
    return this.#filter.mayStandIn(bytes);
  }

  /**
   * The matchers of all values known by now, the oldest first. Each is at least twice as large as the next, so that a
   * value is built into few of them in its time, and a list of a thousand Secrets does not build all a thousand times.
   */
  matchers(): readonly ByteMatcher[] {
    if (this.#unread.length > 0 || this.#unbuilt.length > 0) this.#makeForms();
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

  /** Where values that are no names stand, in order; what overlaps is one span. `all`: those that could be names too. */
  find(bytes: Uint8Array, all = false): Span[] {
    const spans = this.matchers().flatMap((matcher) => matcher.find(bytes, all ? undefined : this.#nameLike));
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
    this.#values = new Map();
    this.#nameLike = new Set();
    this.#origins = [];
    this.#unread = [];
    this.#unbuilt = [];
    this.#fresh = [];
    this.#levels = [];
    this.#matchers = [];
    this.#filter = new ByteFilter();
    this.#states = 1;
    this.#bytes = 0;
  }

  /**
   * Ends it with its session: what still comes to be masked for it is kept nowhere. Returns what it held, for who has
   * to search what the session left behind; nothing of that counts for its budget any more.
   */
  forget(): KnownValues {
    const rest = new KnownValues();
    rest.#values = this.#values;
    rest.#nameLike = this.#nameLike;
    rest.#origins = this.#origins;
    rest.#unread = this.#unread;
    rest.#unbuilt = this.#unbuilt;
    rest.#fresh = this.#fresh;
    rest.#levels = this.#levels;
    rest.#matchers = this.#matchers;
    rest.#filter = this.#filter;
    rest.#states = this.#states;
    rest.#bytes = this.#bytes;
    rest.#complete = this.#complete;
    this.overflow();
    this.#ended = true;
    this.#shared.release(this);
    return rest;
  }
}
