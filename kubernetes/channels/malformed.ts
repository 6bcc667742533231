import { Refusal } from "../../base/errors.ts";

/** Refuses what a tunnel carries. The tunnel is closed then: nothing after a byte that cannot be read can be. */
export function malformed(what: string): never {
  throw new Refusal("bad-request", `the tunnel was closed: ${what}`);
}
