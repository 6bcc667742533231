import type { ParsedFrame, TunnelEvent } from "./types.ts";

/** Gathers the pieces of one push; a header is joined with the payload that stands right behind it in the same chunk. */
export class Pieces {
  readonly list: ParsedFrame[] = [];

  add(bytes: Uint8Array, events: readonly TunnelEvent[]): void {
    const before = this.list.at(-1);
    if (before !== undefined && before.events.length === 0 && follows(before.bytes, bytes)) {
      const joined = new Uint8Array(bytes.buffer, before.bytes.byteOffset, before.bytes.length + bytes.length);
      this.list[this.list.length - 1] = { bytes: joined, events };
    } else {
      this.list.push({ bytes, events });
    }
  }
}

function follows(before: Uint8Array, bytes: Uint8Array): boolean {
  return before.buffer === bytes.buffer && before.byteOffset + before.length === bytes.byteOffset;
}
