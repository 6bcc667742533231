import type { TunnelEvent } from "../channels/types.ts";

/** What the messages of one direction mean: channels, or a stream of SPDY. */
export interface PayloadReader {
  /** Whether a message may come in several frames. */
  readonly fragments: boolean;
  /** Whether a message may be of text. */
  readonly text: boolean;
  /** `payload` is clear, and empty only where its frame is. `last`: it ends its message. */
  read(payload: Uint8Array, last: boolean): readonly TunnelEvent[];
  /** The direction ended between messages: whether nothing that they carried was cut off. */
  end(): boolean;
}
