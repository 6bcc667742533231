import { InputNode, type Leaf, MadeNode, type Ref, type Schema, Untraceable, type Value } from "./nodes.ts";

const MOST_DEPTH = 16;
/** What a rule may cost that reads everything under every name; past it all of the input is kept. */
const MOST_NODES = 20_000;
/** A key that may be any of more texts may as well be any. */
const MOST_TEXTS = 32;

/** Where values may flow, and what is read of them; everything in it only ever grows. */
export class Graph {
  readonly root: InputNode;
  readonly scalar: Leaf = { kind: "scalar", id: -1, text: "" };
  readonly opaque: Leaf = { kind: "opaque", id: -2, text: "" };
  /** Grows with every change: an analysis is done when a round changes nothing. */
  version = 0;
  readonly #texts = new Map<string, Leaf>();
  #nextId = 0;

  constructor(schema: Schema) {
    this.root = new InputNode(this.#nextId++, 0, schema);
  }

  text(text: string): Leaf {
    let leaf = this.#texts.get(text);
    if (leaf === undefined) {
      leaf = { kind: "text", id: this.#nextId++, text };
      this.#texts.set(text, leaf);
    }
    return leaf;
  }

  made(shape: MadeNode["shape"]): MadeNode {
    return new MadeNode(this.#nextId++, shape);
  }

  add(to: Value, from: Iterable<Ref>): void {
    for (const ref of from) {
      if (to.has(ref)) continue;
      to.add(ref);
      this.version++;
    }
  }

  field(node: InputNode, key: string): InputNode {
    let child = node.fields.get(key);
    if (child === undefined) {
      if (this.#tooDeep(node)) return node;
      const { schema } = node;
      const known = schema?.properties !== undefined && Object.hasOwn(schema.properties, key);
      child = this.#child(node, known ? schema?.properties?.[key] : entrySchema(schema));
      node.fields.set(key, child);
    }
    return child;
  }

  each(node: InputNode): InputNode {
    if (node.each === undefined && this.#tooDeep(node)) return node;
    node.each ??= this.#child(node, node.schema?.properties === undefined ? entrySchema(node.schema) : undefined);
    return node.each;
  }

  deep(node: InputNode): InputNode {
    if (node.deep === undefined && this.#tooDeep(node)) return node;
    node.deep ??= this.#child(node, undefined);
    return node.deep;
  }

  /** What stands under a key that may be any of these; `paths`: a key that may be a list goes any depth. */
  lookUp(source: Iterable<Ref>, keys: ReadonlySet<Ref>, paths: boolean): Value {
    // Nothing has come here yet.
    if (keys.size === 0) return new Set();
    const known = keys.size <= MOST_TEXTS && [...keys].every((key) => key.kind === "text");
    const texts = known ? [...keys].map((key) => (key as Leaf).text) : [];
    const anyDepth = paths && [...keys].some((key) => !isScalar(key));
    const found: Value = new Set();
    for (const ref of source) {
      if (ref.kind === "opaque") found.add(ref);
      else if (ref.kind === "input") this.#lookUpInput(ref, texts, anyDepth, found);
      else if (ref.kind === "made") this.#lookUpMade(ref, texts, anyDepth, found);
    }
    return found;
  }

  #lookUpInput(ref: InputNode, texts: readonly string[], anyDepth: boolean, found: Value): void {
    if (ref.scalar) return;
    for (const text of texts) found.add(this.field(ref, text));
    if (texts.length === 0) found.add(this.each(ref));
    // The path may be empty, too.
    if (texts.length === 0 && anyDepth) found.add(this.deep(ref)).add(ref);
  }

  #lookUpMade(ref: MadeNode, texts: readonly string[], anyDepth: boolean, found: Value): void {
    // What is looked up in a set is compared with its members.
    if (ref.shape === "set") this.readAll(ref.rest);
    if (anyDepth) {
      this.readAll([ref]);
      found.add(this.opaque);
    } else if (texts.length === 0) {
      for (const entry of this.entries(ref)) found.add(entry);
    } else if (ref.shape !== "array") {
      // No text is the index of an array.
      for (const value of [...texts.map((text) => ref.fields.get(text) ?? []), ref.rest])
        for (const one of value) found.add(one);
    }
  }

  /** The entries of a composite, whatever their keys. */
  entries(ref: Ref): Value {
    if (ref.kind === "input") return new Set(ref.scalar ? [] : [this.each(ref)]);
    if (ref.kind !== "made") return new Set(ref.kind === "opaque" ? [ref] : []);
    const entries: Value = new Set(ref.rest);
    for (const value of ref.fields.values()) for (const one of value) entries.add(one);
    return entries;
  }

  /** Everything below is read: compared, printed, handed to who knows what. */
  readAll(refs: Iterable<Ref>): void {
    for (const ref of refs) {
      if ((ref.kind !== "input" && ref.kind !== "made") || ref.whole) continue;
      ref.whole = true;
      this.version++;
      if (ref.kind === "made") for (const value of [...ref.fields.values(), ref.rest]) this.readAll(value);
    }
  }

  /** The value is looked at, and of a composite no more than what it is and whether it is there. */
  observe(refs: Iterable<Ref>): void {
    for (const ref of refs) {
      if (ref.kind !== "input" || ref.observed) continue;
      ref.observed = true;
      this.version++;
    }
  }

  count(refs: Iterable<Ref>): void {
    this.observe(refs);
    for (const ref of refs) {
      if (ref.kind !== "input" || ref.counted) continue;
      ref.counted = true;
      this.version++;
    }
  }

  insert(into: Iterable<Ref>, keys: ReadonlySet<Ref> | undefined, value: Value): void {
    for (const ref of into) {
      if (ref.kind !== "made") continue;
      if (ref.whole) this.readAll(value);
      const texts = keys !== undefined && keys.size > 0 && [...keys].every((key) => key.kind === "text");
      if (!texts) this.add(ref.rest, value);
      else {
        for (const key of keys) {
          const { text } = key as Leaf;
          const field = ref.fields.get(text) ?? new Set();
          ref.fields.set(text, field);
          this.add(field, value);
        }
      }
    }
  }

  #child(parent: InputNode, schema: Schema | undefined): InputNode {
    this.version++;
    if (this.#nextId > MOST_NODES) throw new Untraceable("the plan reads too many places");
    return new InputNode(this.#nextId++, parent.depth + 1, schema);
  }

  /** A value that flows into itself would go on for ever; so deep, all is read. */
  #tooDeep(node: InputNode): boolean {
    if (node.whole) return true;
    if (node.depth < MOST_DEPTH) return false;
    this.readAll([node]);
    return true;
  }
}

/** Texts and numbers: equal to another, or not, by themselves. */
export function isScalar(ref: Ref): boolean {
  return ref.kind === "text" || ref.kind === "scalar" || (ref.kind === "input" && ref.scalar);
}

function entrySchema(schema: Schema | undefined): Schema | undefined {
  if (schema?.items !== undefined) return schema.items;
  return typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
}
