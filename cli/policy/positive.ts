import { UserError } from "../../base/errors.ts";

/** A whole number above 0 of the command line. Throws a UserError (exit 2). */
export function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UserError(`${name} ${text}: must be a whole number above 0`, { exitCode: 2 });
}
