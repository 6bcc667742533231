import { Alias, type Document, isMap, isScalar, isSeq, type Pair, parseAllDocuments, Scalar } from "yaml";
import { Refusal } from "../../base/errors.ts";
import { isRawNumber, parseLossless } from "../../base/lossless-json.ts";
import { malformed, NESTING_LIMIT, parseStrictJson } from "./json.ts";
import { resolvePlain } from "./yaml-scalar.ts";

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

class Converter {
  private readonly anchors = new Map<string, Converted | "open">();
  private cost = 0;
  usesAliases = false;

  private readonly costLimit: number;
  constructor(costLimit: number) {
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
    if (isSeq(node)) return node.items.map((item) => this.convert(item, depth + 1));
    if (isMap(node)) return this.map(node.items, depth);
    throw malformed("it holds YAML that JSON cannot say");
  }

  private scalar(node: Scalar): unknown {
    const text = String(node.value ?? "");
    this.spend(text.length);
    if (!text.isWellFormed()) throw malformed("a string holds half of a surrogate pair");
    if (node.type !== Scalar.PLAIN || node.tag !== undefined) return text;
    const value = resolvePlain(text);
    if (value === undefined) throw malformed(`the YAML number ${text} has no JSON form`);
    return value;
  }

  private map(items: Pair<unknown, unknown>[], depth: number): unknown {
    const own = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    const beforeMerge = new Set<string>();
    for (const { key, value } of items) {
      if (isScalar(key) && key.type === Scalar.PLAIN && key.value === "<<" && key.tag === undefined) {
        for (const name of own.keys()) beforeMerge.add(name);
        this.merge(this.convert(value, depth + 1), merged);
        continue;
      }
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
    const key = this.convert(node, NESTING_LIMIT);
    if (typeof key === "string") return key;
    if (typeof key === "boolean") return String(key);
    if (typeof key === "number" && Number.isInteger(key)) return String(key);
    if (isRawNumber(key)) return key.rawJSON;
    throw malformed("a YAML mapping has a key that is no string");
  }
}

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

/**
 * YAML as the API server reads it (sigs.k8s.io/yaml over go-yaml v2: YAML 1.1 words and octals), and
 * stricter where readers differ: no duplicate keys, one document, no tags but !!str. Keys that are numbers
 * or booleans become strings, as they do there. JSON is taken as JSON. Throws Refusal `malformed-body`.
 */
export function parseYaml(text: string, costLimit = 3 * 1024 * 1024): unknown {
  // kubectl apply --server-side sends JSON under the YAML media type.
  if (/^\s*\{\s*"/.test(text)) return parseStrictJson(text);
  if (text.length > YAML_LIMIT) {
    throw new Refusal("body-too-large", `a YAML body may have ${YAML_LIMIT / 1024} KiB`, {
      next: "Send it as JSON, as kubectl does.",
    });
  }
  const document = parseOne(text);
  const converter = new Converter(costLimit);
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
