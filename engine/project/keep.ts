import { isRawNumber } from "../../base/lossless-json.ts";
import { merged, type Reads } from "../bundle/reads/reads.ts";

type Fields = Record<string, Reads>;
type Keep = (value: unknown) => unknown;

/**
 * What to keep of a composite: `at` by key, `other` of the entries under any other key (undefined: nothing of them),
 * `sparse` where these are only looked through for what `d` names, so that a text there means nothing.
 */
interface Kept {
  at: Map<string, Keep>;
  other: Keep | undefined;
  sparse: boolean;
}

/** Nothing of it is read. */
const NOTHING = Symbol("nothing");

/** A function that copies of a value what these reads can tell from its absence. */
export function keeper(reads: Reads): Keep {
  return new Keepers().of(reads, undefined, false);
}

/** Made when they are first needed: what is looked for at any depth goes as deep as the object does. */
class Keepers {
  readonly #known = new Map<string, Keep>();

  /** `deep`: what is looked for in this value and in all below it; `sparse`: for nothing else. */
  of(reads: Reads, deep: Fields | undefined, sparse: boolean): Keep {
    if (reads === 1) return (value) => value;
    const key = JSON.stringify([reads, deep ?? null, sparse]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    let kept: Kept | undefined;
    const keep: Keep = (value) => {
      if (typeof value !== "object" || value === null) return sparse ? NOTHING : value;
      kept ??= this.#kept(reads, deep);
      return Array.isArray(value) ? keepArray(value, kept, sparse) : keepObject(value, kept, sparse);
    };
    this.#known.set(key, keep);
    return keep;
  }

  #kept(reads: Exclude<Reads, 1>, deep: Fields | undefined): Kept {
    const below = deepBelow(deep, reads.d);
    const at = new Map<string, Keep>();
    for (const name of new Set([...Object.keys(reads.f ?? {}), ...Object.keys(deep ?? {})])) {
      const wanted = merged(merged(ownOf(reads.f, name), ownOf(deep, name)), reads.e);
      at.set(name, this.of(wanted, below, false));
    }
    if (reads.e !== undefined) return { at, other: this.of(reads.e, below, false), sparse: false };
    return { at, other: below === undefined ? undefined : this.of({}, below, true), sparse: true };
  }
}

function keepArray(values: readonly unknown[], { other }: Kept, sparse: boolean): unknown {
  if (other === undefined) return sparse ? NOTHING : [];
  let found = false;
  // Each keeps its place: it may be looked up by its index.
  const kept = values.map((value) => {
    const one = other(value);
    if (one === NOTHING) return null;
    found = true;
    return one;
  });
  if (found) return kept;
  return sparse ? NOTHING : kept;
}

function keepObject(value: object, { at, other, sparse: through }: Kept, sparse: boolean): unknown {
  // A number that JavaScript cannot hold is such an object, and no composite.
  if (Object.getPrototypeOf(value) === null && isRawNumber(value)) return sparse ? NOTHING : value;
  const source = value as Record<string, unknown>;
  const kept: Record<string, unknown> = {};
  let found = false;
  const put = (key: string, keep: Keep): boolean => {
    const one = keep(source[key]);
    if (one === NOTHING || one === undefined) return true;
    // Assigned, it would be the copy's prototype and no key of it.
    if (key === "__proto__") return false;
    kept[key] = one;
    found = true;
    return true;
  };
  if (other === undefined) {
    for (const [key, keep] of at) if (Object.hasOwn(source, key) && !put(key, keep)) return value;
  } else {
    for (const key of Object.keys(source)) if (!put(key, at.get(key) ?? other)) return value;
  }
  return found || !sparse || !through ? kept : NOTHING;
}

function deepBelow(a: Fields | undefined, b: Fields | undefined): Fields | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return (merged({ f: a }, { f: b }) as { f?: Fields }).f;
}

function ownOf(fields: Fields | undefined, key: string): Reads | undefined {
  return fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
}
