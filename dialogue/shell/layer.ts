import type { Arg, Simple } from "./simple.ts";
import type { UnparsedReason } from "./types.ts";

/** A simple command on its way to what it runs in the end. */
export interface Layer {
  args: Arg[];
  via: readonly string[];
  assignments: Simple["assignments"];
  unparsed?: UnparsedReason | undefined;
}

export const text = (arg: Arg): string => ("value" in arg ? arg.value : arg.text);
export const reasonOf = (args: readonly Arg[]): UnparsedReason | undefined => {
  for (const arg of args) if ("unparsed" in arg) return arg.unparsed;
  return undefined;
};
export const basename = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
