import { type Graph, isScalar } from "./graph.ts";
import type { MadeNode, Ref, Value } from "./nodes.ts";

type Builtin = (graph: Graph, args: readonly Value[], made: () => MadeNode) => Iterable<Ref>;

const NONE: Value = new Set();
const arg = (args: readonly Value[], i: number): Value => args[i] ?? NONE;

/** Compares, and is false for any composite where the other side can be none. */
const compares: Builtin = (graph, args) => {
  compare(graph, arg(args, 0), arg(args, 1));
  return [graph.scalar];
};

/** Tells one kind of value from another. */
const looks: Builtin = (graph, args) => {
  for (const one of args) graph.observe(one);
  return [graph.scalar];
};

const concat: Builtin = (graph, args, made) => {
  const list = made();
  for (const one of args) for (const ref of one) graph.insert([list], undefined, graph.entries(ref));
  const last = [...arg(args, 1)];
  const [end] = last;
  list.suffix = last.length === 1 && end?.kind === "made" ? end.path : undefined;
  return [list];
};

/** Of lists in a list; what is no list stays as it is. */
const flatten: Builtin = (graph, args, made) => {
  const list = made();
  for (const ref of arg(args, 0)) {
    for (const entry of graph.entries(ref)) {
      const isList = entry.kind === "made" && entry.shape === "array";
      if (!isList) graph.insert([list], undefined, new Set([entry]));
      if (isList || entry.kind === "input") graph.insert([list], undefined, graph.entries(entry));
    }
  }
  return [list];
};

const slice: Builtin = (graph, args, made) => {
  const list = made();
  for (const ref of arg(args, 0)) graph.insert([list], undefined, graph.entries(ref));
  return [list];
};

/** `object.get(thing, key or path, otherwise)`. */
const get: Builtin = (graph, args) => {
  const [things, keys, otherwise] = [arg(args, 0), arg(args, 1), arg(args, 2)];
  graph.readAll([...keys].filter((key) => key.kind === "input"));
  const [only] = keys;
  if (keys.size === 1 && only?.kind === "made") {
    if (only.path !== undefined) {
      let found: Iterable<Ref> = things;
      for (const text of only.path) found = graph.lookUp(found, new Set([graph.text(text)]), false);
      return [...found, ...otherwise];
    }
    const { suffix } = only;
    if (suffix !== undefined && suffix.length > 0) {
      // Below a path that nobody knows yet, and there under names that are known.
      const key = (text: string | undefined) => new Set([graph.text(text ?? "")]);
      let found: Value = new Set();
      for (const thing of things) {
        if (thing.kind !== "input") {
          graph.readAll([thing]);
          found.add(graph.opaque);
        } else if (!thing.scalar) {
          found.add(graph.field(graph.deep(thing), suffix[0] ?? "")).add(graph.field(thing, suffix[0] ?? ""));
        }
      }
      for (const text of suffix.slice(1)) found = graph.lookUp(found, key(text), false);
      return [...found, ...otherwise];
    }
  }
  return [...graph.lookUp(things, keys, true), ...otherwise];
};

const member: Builtin = (graph, args) => {
  const [one, many] = [arg(args, args.length - 2), arg(args, args.length - 1)];
  const entries = new Set([...many].flatMap((ref) => [...graph.entries(ref)]));
  graph.count(many);
  compare(graph, one, entries);
  if (args.length > 2) graph.readAll(arg(args, 0));
  return [graph.scalar];
};

const counts: Builtin = (graph, args) => {
  graph.count(arg(args, 0));
  return [graph.scalar];
};

/** Reads all of what it is given, and answers a text, a number or a boolean. */
const text: Builtin = (graph, args) => {
  for (const one of args) graph.readAll(one);
  return [graph.scalar];
};

const BUILTINS: Readonly<Record<string, Builtin>> = {
  ...Object.fromEntries(["equal", "neq", "gt", "gte", "lt", "lte"].map((name) => [name, compares])),
  ...Object.fromEntries(
    ["is_object", "is_array", "is_string", "is_number", "is_boolean", "is_null", "is_set", "type_name"].map((name) => [
      name,
      looks,
    ]),
  ),
  ...Object.fromEntries(
    [
      ...[
        "concat",
        "internal.template_string",
        "startswith",
        "endswith",
        "contains",
        "replace",
        "lower",
        "upper",
        "trim",
      ],
      ...["trim_left", "trim_right", "trim_prefix", "trim_suffix", "trim_space", "substring", "indexof", "to_number"],
      ...["glob.match", "regex.match", "plus", "minus", "mul", "div", "rem", "abs", "format_int"],
    ].map((name) => [name, text]),
  ),
  "array.concat": concat,
  "array.flatten": flatten,
  "array.slice": slice,
  "object.get": get,
  "internal.member_2": member,
  "internal.member_3": member,
  count: counts,
};

/** What a builtin answers, and what it reads of its arguments: all of them, unless it is known to read less. */
export function callBuiltin(graph: Graph, name: string, args: readonly Value[], made: () => MadeNode): Iterable<Ref> {
  const known = Object.hasOwn(BUILTINS, name) ? BUILTINS[name] : undefined;
  if (known !== undefined) return known(graph, args, made);
  for (const one of args) graph.readAll(one);
  return [graph.opaque];
}

/** Two values are compared: each whole, unless the other can be no composite. */
export function compare(graph: Graph, a: Value, b: Value): void {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (other.size > 0 && [...other].every(isScalar)) graph.observe(one);
    else graph.readAll(one);
  }
}
