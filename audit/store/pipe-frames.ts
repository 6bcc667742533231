import type { Readable } from "node:stream";

/** One message on a pipe: `header length (u32 LE) | body length (u32 LE) | header (JSON) | body`. */
export function pipeFrame(header: unknown, body?: readonly Uint8Array[]): Buffer[] {
  const head = Buffer.from(JSON.stringify(header));
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(head.length, 0);
  sizes.writeUInt32LE(body?.reduce((sum, part) => sum + part.byteLength, 0) ?? 0, 4);
  return [sizes, head, ...(body ?? []).map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))];
}

/** Calls `receive` for each message of `stream`, in order. */
export function onPipeFrames<Header>(stream: Readable, receive: (header: Header, body: Buffer) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  let needed = 8;
  stream.on("data", (chunk: Buffer) => {
    parts.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    let data = parts.length === 1 ? chunk : Buffer.concat(parts);
    for (;;) {
      if (data.length < 8) {
        needed = 8;
        break;
      }
      const head = data.readUInt32LE(0);
      const body = data.readUInt32LE(4);
      needed = 8 + head + body;
      if (data.length < needed) break;
      receive(JSON.parse(data.toString("utf8", 8, 8 + head)) as Header, data.subarray(8 + head, needed));
      data = data.subarray(needed);
    }
    parts = [data];
    size = data.length;
  });
}
