/** Thrown where a plan does what cannot be followed: then all of the input is kept. */
export class Untraceable extends Error {}

/** What is read of a place in the input, and below it; written to the bundle as `Reads`. */
export class InputNode {
  readonly kind = "input";
  readonly id: number;
  /** A text or a number by the input's schema, so that there is nothing below it. */
  readonly scalar: boolean;
  whole = false;
  /** How many there are, and their keys, is looked at. */
  counted = false;
  /** The value itself is looked at, beyond whether something stands below it. */
  observed = false;
  readonly fields = new Map<string, InputNode>();
  each: InputNode | undefined;
  /** Whatever stands at some depth below: a look-up by a path that only the evaluation knows. */
  deep: InputNode | undefined;
  readonly schema: Schema | undefined;
  readonly depth: number;

  constructor(id: number, depth: number, schema: Schema | undefined) {
    this.id = id;
    this.depth = depth;
    this.schema = schema;
    this.scalar = schema !== undefined && ["string", "boolean", "number", "integer"].includes(String(schema.type));
  }
}

/** The part of the input's JSON Schema that says which values are texts. */
export interface Schema {
  type?: unknown;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
}

/** A composite that the policy makes itself: one for each place that makes it, whatever it holds at which time. */
export class MadeNode {
  readonly kind = "made";
  readonly id: number;
  readonly shape: "array" | "object" | "set";
  whole = false;
  readonly fields = new Map<string, Value>();
  readonly rest: Value = new Set();
  /** The texts that an array is made of, where each is known and it is made in one go; a path of `object.get`. */
  path: string[] | undefined;
  /** The last texts of an array whose others are not known. */
  suffix: string[] | undefined;

  constructor(id: number, shape: MadeNode["shape"]) {
    this.id = id;
    this.shape = shape;
  }
}

/** `scalar`: some text, number or boolean. `opaque`: anything that has nothing of the input in it that is not read whole. */
export interface Leaf {
  readonly kind: "text" | "scalar" | "opaque";
  readonly id: number;
  readonly text: string;
}

export type Ref = InputNode | MadeNode | Leaf;
/** All that a local may hold. */
export type Value = Set<Ref>;

/** Of a place: `1` all of it; `f` by key, `e` of each entry, `d` of whatever stands below, at any depth. */
export type Reads = 1 | { f?: Record<string, Reads>; e?: Reads; d?: Record<string, Reads> };

/** What must be kept of the input, so that nothing which was analysed can tell that the rest is gone. */
export function readsOf(node: InputNode): Reads {
  if (node.whole) return 1;
  const { deep } = node;
  // A look-up by an unknown path whose result is looked at itself could be of any text below.
  if (deep !== undefined && (deep.whole || deep.observed || deep.counted || deep.each || deep.deep)) return 1;
  const reads: { f?: Record<string, Reads>; e?: Reads; d?: Record<string, Reads> } = {};
  const entries = (fields: ReadonlyMap<string, InputNode>): Record<string, Reads> =>
    Object.fromEntries([...fields].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, child]) => [key, readsOf(child)]));
  if (node.fields.size > 0) reads.f = entries(node.fields);
  if (node.each !== undefined) reads.e = readsOf(node.each);
  else if (node.counted) reads.e = {};
  if (deep !== undefined && deep.fields.size > 0) reads.d = entries(deep.fields);
  return reads;
}
