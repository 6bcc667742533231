import { type Command, forEachChild, type SyntaxNode } from "unbash";
import { NAMING, PRECOMMANDS } from "./builtins.ts";
import { text } from "./layer.ts";
import { type Arg, argsOf, assigned } from "./simple.ts";

/** By name, the values that it may be given; null for one that is not known. */
export type Assigned = ReadonlyMap<string, ReadonlySet<string | null>>;

const NOTHING: Assigned = new Map();

const known = new WeakMap<SyntaxNode, Assigned>();

/** What may be assigned in a part of a text, its substitutions and functions included. */
export function assignedIn(node: SyntaxNode): Assigned {
  const before = known.get(node);
  if (before !== undefined) return before;
  const own: [string, string | null][] = [];
  if (node.type === "Command") own.push(...assignedBy(node));
  else if (node.type === "For" || node.type === "Select") own.push([node.name.text, null]);
  else if (node.type === "FileDescriptorVariable") own.push([node.name, null]);
  else if (node.type === "Coproc") own.push([node.name?.text ?? "COPROC", null]);
  const children: Assigned[] = [];
  forEachChild(node, (child) => {
    const inside = assignedIn(child);
    if (inside.size > 0) children.push(inside);
  });
  const all = own.length === 0 && children.length < 2 ? (children[0] ?? NOTHING) : merged(own, children);
  known.set(node, all);
  return all;
}

function merged(own: readonly [string, string | null][], children: readonly Assigned[]): Assigned {
  const all = new Map<string, Set<string | null>>();
  const add = (name: string, value: string | null): void => {
    const values = all.get(name);
    if (values === undefined) all.set(name, new Set([value]));
    else values.add(value);
  };
  for (const [name, value] of own) add(name, value);
  for (const child of children) for (const [name, values] of child) for (const value of values) add(name, value);
  return all;
}

function assignedBy(node: Command): [string, string | null][] {
  const prefix = node.prefix.flatMap((one): [string, string | null][] => {
    if (one.type !== "Assignment") return [];
    const { name, value } = assigned(one);
    return [[name, one.append === true ? null : value]];
  });
  return [...prefix, ...named(argsOf(node))];
}

/** What the words of a builtin name. */
export function named(args: readonly Arg[]): [string, string | null][] {
  let i = 0;
  while (i < args.length && PRECOMMANDS.has(text(args[i] as Arg))) i++;
  const [first, ...words] = args.slice(i);
  if (first === undefined || !NAMING.has(text(first))) return [];
  const name = text(first);
  const declares = /^(?:export|declare|typeset|local|readonly)$/.test(name);
  return words.flatMap((word): [string, string | null][] => {
    const [, left, append, value] = /^([A-Za-z_]\w*)(?:(\+?)=(.*))?$/s.exec(text(word)) ?? [];
    if (declares && left !== undefined) {
      // Without a value it is as it was.
      if (value === undefined) return [];
      return [[left, append === "+" || "unparsed" in word ? null : value]];
    }
    const all = text(word).match(/[A-Za-z_]\w*/g) ?? [];
    return all.map((one) => [one, name === "unset" ? "" : null]);
  });
}
