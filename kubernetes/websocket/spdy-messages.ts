import type { TunnelEvent } from "../channels/types.ts";
import type { SpdyReader } from "../spdy/reader.ts";
import type { PayloadReader } from "./payload-reader.ts";

/**
 * Messages of `SPDY/3.1+portforward.k8s.io` (KEP-4006): the bytes of a SPDY connection, cut into messages and
 * fragments anywhere. Both ends read them as one stream (client-go, TunnelingConnection).
 */
export class SpdyMessages implements PayloadReader {
  readonly fragments = true;
  readonly text = false;
  private readonly spdy: SpdyReader;

  constructor(spdy: SpdyReader) {
    this.spdy = spdy;
  }

  read(payload: Uint8Array): readonly TunnelEvent[] {
    return this.spdy.push(payload).flatMap((frame) => frame.events);
  }

  end(): boolean {
    return this.spdy.end();
  }
}
