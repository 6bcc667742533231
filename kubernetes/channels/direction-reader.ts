import type { ParsedFrame } from "./types.ts";

/** One direction of a tunnel: TunnelParser's methods for it. */
export interface DirectionReader {
  push(chunk: Uint8Array): ParsedFrame[];
  end(): boolean;
  readonly held: number;
}
