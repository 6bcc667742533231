import { Alias, type Document, isMap, isScalar, isSeq, type Pair, parseAllDocuments, Scalar } from "yaml";
import { Refusal } from "../../base/errors.ts";
import { isRawNumber, parseLossless } from "../../base/lossless-json.ts";
import { malformed, NESTING_LIMIT, parseStrictJson } from "./json.ts";
import { isInteger, resolvePlain } from "./yaml-scalar.ts";

/**
 * `yaml` reads 1.5 MB a second on the thread that serves everybody, and a hostile text of this size takes it
 * up to 0.6 s (of 256 KiB, 1.2 s). Larger bodies come as JSON, as kubectl sends all of its own.
 */
export const YAML_LIMIT = 128 * 1024;

interface Converted {
  value: unknown;
  /** Nodes and characters, with aliases counted as often as they are used. */
  cost: number;
}

/** The head of a block that keeps all of its line ends. */
const KEEPS = /^[|>]\d?\+/;

class Converter {
  private readonly anchors = new Map<string, Converted | "open">();
  private cost = 0;
  /** How many flow collections, `[…]` and `{…}`, it is in. */
  private flow = 0;
  usesAliases = false;

  private readonly text: string;
  private readonly costLimit: number;
  constructor(text: string, costLimit: number) {
    this.text = text;
    this.costLimit = costLimit;
  }

  convert(node: unknown, depth: number): unknown {
    if (depth > NESTING_LIMIT) throw malformed(`it is nested deeper than ${NESTING_LIMIT} levels`);
    if (node instanceof Alias) return this.alias(node);
    const before = this.cost;
    this.spend(1);
    const { tag, anchor } = (node ?? {}) as { tag?: string; anchor?: string };
    const allowed = tag === undefined || (tag === "tag:yaml.org,2002:str" && isScalar(node));
    if (!allowed) throw malformed("it holds a YAML tag other than !!str");
    if (anchor !== undefined) {
      if (!/^[\w-]{1,100}$/.test(anchor)) throw malformed("it holds a YAML anchor whose name readers take differently");
      if (this.anchors.has(anchor)) throw malformed(`the YAML anchor "${anchor.slice(0, 50)}" is defined twice`);
      this.anchors.set(anchor, "open");
    }
    const value = this.content(node, depth);
    if (anchor !== undefined) this.anchors.set(anchor, { value, cost: this.cost - before });
    return value;
  }

  private spend(cost: number): void {
    this.cost += cost;
    // go-yaml refuses "excessive aliasing"; the sum of what the aliases expand to is what costs.
    if (this.cost > this.costLimit) throw malformed("its YAML aliases expand to too much");
  }

  private alias(node: Alias): unknown {
    const target = this.anchors.get(node.source);
    if (target === undefined || target === "open") throw malformed("it holds a YAML alias to nothing before it");
    this.usesAliases = true;
    this.spend(target.cost);
    return target.value;
  }

  private content(node: unknown, depth: number): unknown {
    if (node === null || node === undefined) return null;
    if (isScalar(node)) return this.scalar(node);
    if (isSeq(node) || isMap(node)) {
      const flow = node.flow === true ? 1 : 0;
      this.flow += flow;
      const value = isSeq(node) ? node.items.map((item) => this.convert(item, depth + 1)) : this.map(node.items, depth);
      this.flow -= flow;
      return value;
    }
    throw malformed("it holds YAML that JSON cannot say");
  }

  private scalar(node: Scalar): unknown {
    const text = String(node.value ?? "");
    this.spend(text.length);
    if (!text.isWellFormed()) throw malformed("a string holds half of a surrogate pair");
    this.checkQuotes(node);
    if (node.type === Scalar.PLAIN && (this.flow > 0 ? IN_FLOW : BEGINNING).test(text)) {
      throw malformed("a YAML word holds what readers take for an indicator");
    }
    const isBlock = node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED;
    const last = isBlock && (node.range?.[1] ?? 0) >= this.text.length;
    if (last && /\n[ \t]+$/.test(this.text.slice(-1000)) && KEEPS.test(this.text.slice(node.range?.[0]))) {
      throw malformed("a YAML text that keeps its last lines ends in blanks");
    }
    // go-yaml adds no line's end to a text that has none.
    if (last && !/\n[ \t]*$/.test(this.text.slice(-1000))) {
      return text.replace(/\n$/, "");
    }
    if (node.type !== Scalar.PLAIN || node.tag !== undefined) return text;
    const value = resolvePlain(text);
    if (value === undefined) throw malformed(`the YAML number ${text} has no JSON form`);
    return value;
  }

  /** `yaml` ends a quoted scalar where its lines are not indented enough, and says nothing if a quote stands there. */
  private checkQuotes({ type, range }: Scalar): void {
    if (type !== Scalar.QUOTE_SINGLE && type !== Scalar.QUOTE_DOUBLE) return;
    const source = this.text.slice(range?.[0], range?.[1]);
    // Without what it escapes, no quote is left inside, nor a backslash that escapes the last.
    const [quote, escapes, open] = type === Scalar.QUOTE_SINGLE ? ["'", /''/g, /'/] : ['"', /\\[\s\S]/g, /["\\]/];
    const inner = source.slice(1, -1).replace(escapes, "");
    if (source.length >= 2 && source.endsWith(quote) && !open.test(inner)) return;
    throw malformed("it holds a quote that is not closed");
  }

  private map(items: Pair<unknown, unknown>[], depth: number): unknown {
    const own = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    const beforeMerge = new Set<string>();
    for (const { key, value } of items) {
      if (isScalar(key) && key.type === Scalar.PLAIN && key.value === "<<" && key.tag === undefined) {
        for (const name of own.keys()) beforeMerge.add(name);
        const source = this.convert(value, depth + 1);
        if (value instanceof Alias && Array.isArray(source)) throw malformed("a YAML merge needs a mapping");
        this.merge(source, merged);
        continue;
      }
      if (this.flow > 0) this.checkFlowKey(key);
      const name = this.key(key);
      if (own.has(name)) throw malformed(`the key "${name.slice(0, 100)}" stands twice in one object`);
      own.set(name, this.convert(value, depth + 1));
    }
    // go-yaml v2 lets a merge overwrite keys that stand before it, the specification says the opposite.
    for (const name of beforeMerge) {
      if (merged.has(name))
        throw malformed(`the key "${name.slice(0, 100)}" stands before a YAML merge that sets it too`);
    }
    return Object.fromEntries(merged.size === 0 ? own : new Map([...merged, ...own]));
  }

  /** `yaml` lets a key in `{…}` and `[…]` end where go-yaml reads on. */
  private checkFlowKey(key: unknown): void {
    if (!isScalar(key)) return;
    const after = this.text.slice(key.range?.[1], (key.range?.[1] ?? 0) + 2);
    const ends = key.type === Scalar.PLAIN ? /^(?:[\s,}\]]|:\s|$)/ : /^(?:[\s,}\]:]|$)/;
    if (!ends.test(after)) throw malformed("a YAML key is not parted from what follows it");
  }

  private merge(value: unknown, merged: Map<string, unknown>): void {
    for (const source of Array.isArray(value) ? value : [value]) {
      if (source === null || typeof source !== "object" || Array.isArray(source) || isRawNumber(source)) {
        throw malformed("a YAML merge needs a mapping or a list of mappings");
      }
      // Earlier sources win.
      for (const [name, entry] of Object.entries(source)) if (!merged.has(name)) merged.set(name, entry);
      this.spend(Object.keys(source).length);
    }
  }

  private key(node: unknown): string {
    if (isScalar(node) && node.type === Scalar.PLAIN) {
      // go-yaml reads `{a:[1]}` as one word, or refuses it.
      COLON.lastIndex = node.range?.[1] ?? 0;
      if (COLON.test(this.text)) throw malformed("a space is missing after the colon of a YAML key");
    }
    const key = this.convert(node, NESTING_LIMIT);
    if (typeof key === "string") return key;
    if (typeof key === "boolean") return String(key);
    // Go prints floats in a way of its own, 1e9 as "1e+09", and has no key for what only a uint64 holds.
    if (isScalar(node) && isInteger(String(node.value))) {
      if (typeof key === "number") return String(key);
      if (isRawNumber(key) && BigInt.asIntN(64, BigInt(key.rawJSON)) === BigInt(key.rawJSON)) return key.rawJSON;
    }
    throw malformed("a YAML mapping has a key that is no string");
  }
}

/** What go-yaml takes for an indicator, also where no space follows. */
const BEGINNING = /^[:?]/;
const IN_FLOW = /^(?:[:?]|---|\.\.\.)|\?\s/;
const COLON = /[ \t]*:[^\s,\]}]/y;

function parseOne(text: string): Document.Parsed {
  let documents: Document.Parsed[];
  try {
    // failsafe: every scalar stays text, and yaml-scalar.ts decides what it means. uniqueKeys compares each
    // key with each other one; Converter does it with a Map.
    const read = parseAllDocuments(text, {
      version: "1.1",
      schema: "failsafe",
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "silent",
    });
    documents = Array.isArray(read) ? (read as Document.Parsed[]) : [];
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw malformed("it is not valid YAML");
  }
  const [first, second] = documents;
  if (first === undefined) throw malformed("it is empty");
  // yaml.Unmarshal reads the first document and forgets the rest.
  if (second !== undefined) throw malformed("it holds more than one YAML document; send one request for each");
  if (first.errors.length > 0) throw malformed("it is not valid YAML");
  return first;
}

/** What go-yaml refuses (readerc.go), and what ends a line to it alone: CR, U+0085, U+2028, U+2029. */
const UNREAD = /\r(?!\n)|[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

/** Whether a line ends between a quoted key and its colon. Looked for from each colon: a pattern takes time by the square. */
function hasColonOnNextLine(text: string): boolean {
  for (let colon = text.indexOf(":"); colon >= 0; colon = text.indexOf(":", colon + 1)) {
    let before = colon - 1;
    let lines = 0;
    for (let c = text[before]; c === " " || c === "\t" || c === "\r" || c === "\n"; c = text[--before]) {
      if (c === "\n") lines++;
    }
    if (lines > 0 && (text[before] === '"' || text[before] === "'")) return true;
  }
  return false;
}

/**
 * YAML as the API server reads it (sigs.k8s.io/yaml over go-yaml v2: YAML 1.1 words and octals), and
 * stricter where readers differ: no duplicate keys, one document, no tags but !!str. Keys that are numbers
 * or booleans become strings, as they do there. JSON is taken as JSON. Throws Refusal `malformed-body`.
 */
export function parseYaml(text: string, costLimit = 3 * 1024 * 1024): unknown {
  // A byte order mark in front is skipped by all (YAML 1.1 §5.2).
  const content = text.startsWith("\ufeff") ? text.slice(1) : text;
  if (UNREAD.test(content)) throw malformed("it holds a character that YAML readers refuse or take as a line's end");
  if (/^\s*\t/.test(content)) throw malformed("it begins with a tab");
  if (hasColonOnNextLine(content)) throw malformed("a line ends between a key and its colon");
  if (/(?:^|\n) *\t\s*$/.test(content.slice(-1000))) throw malformed("it ends with a line that a tab indents");
  // kubectl apply --server-side sends JSON under the YAML media type.
  if (/^\s*\{\s*"/.test(content)) return parseStrictJson(content);
  if (text.length > YAML_LIMIT) {
    throw new Refusal("body-too-large", `a YAML body may have ${YAML_LIMIT / 1024} KiB`, {
      next: "Send it as JSON, as kubectl does.",
    });
  }
  if (/^%/m.test(content)) throw malformed("it holds a YAML directive");
  // In a block scalar it is the author's; there `yaml` tells the two apart.
  if (/^ *\t/m.test(content) && !/[|>][-+\d]*\s*$/m.test(content)) throw malformed("a tab indents a line");
  if (/^ *-[- ]*\t/m.test(content)) throw malformed("a tab follows the dash of a YAML list");
  const document = parseOne(content);
  const converter = new Converter(content, costLimit);
  const value = converter.convert(document.contents, 1);
  // Aliases share one value in memory: whoever changes one place must not change the other.
  return converter.usesAliases ? parseLossless(JSON.stringify(value)) : value;
}

// What a YAML reader refuses or folds inside quotes although JSON allows it (go-yaml readerc.go; YAML 1.1 §5.5).
const NOT_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** JSON text that a YAML reader takes for the same value: how an apply patch goes upstream. */
export function jsonForYaml(value: unknown): string {
  return JSON.stringify(value).replace(NOT_IN_YAML, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
