import type { Command } from "unbash";
import { named } from "./assigned.ts";
import { text } from "./layer.ts";
import type { Simple } from "./simple.ts";

/** What is set for these is set for good (POSIX.1-2024, 2.15). */
const SPECIAL = new Set(
  ": . break continue eval exec exit export readonly return set shift times trap unset".split(" "),
);

/** What a command with words leaves behind of the variables that it names, and of those that were set for it. */
export function settle(node: Command, simple: Simple, functions: ReadonlySet<string>): void {
  const { args, assignments } = simple;
  const { variables } = simple.place;
  const [first] = args;
  if (first === undefined) return;
  // Of words that come to nothing, and of some builtins in sh, what is set for the command stays.
  const stays = "unparsed" in first || SPECIAL.has(first.value) || functions.has(first.value);
  for (const { name, value } of assignments) {
    if (stays) variables.forget(new Map([[name, new Set([value])]]));
    else variables.drop(name);
  }
  const certain = text(first) === "export" && assignments.length === 0 && node.redirects.length === 0;
  for (const [name, value] of named(args)) {
    if (certain) variables.set(name, value);
    else variables.forget(new Map([[name, new Set([value])]]));
  }
}
