import { Refusal } from "../../base/errors.ts";
import type { TunnelOptions, TunnelParser } from "./types.ts";

/**
 * The parser of a tunnel that the upstream has switched to. Throws Refusal `upgrade-refused` where what it
 * chose is nothing that can be read.
 */
export function createTunnelParser(options: TunnelOptions): TunnelParser {
  throw new Refusal(
    "upgrade-refused",
    `the API server chose ${options.protocol} ${options.subprotocol}, which the gateway cannot read`,
  );
}
