export interface FrameOptions {
  fin?: boolean;
  opcode?: number;
  /** The bits of RSV1 to RSV3, as they stand in the first byte. */
  reserved?: number;
  /** Four bytes; undefined: not masked. */
  key?: Uint8Array | undefined;
  /** How many bytes the length takes; the fewest where not given. */
  lengthBytes?: 0 | 2 | 8;
}

/** Writes one frame, from the figure of RFC 6455, section 5.2, and by nothing of ours. */
export function webSocketFrame(payload: Uint8Array | string, options: FrameOptions = {}): Buffer {
  const { fin = true, opcode = 2, reserved = 0, key } = options;
  const bytes = Buffer.from(payload as Uint8Array);
  const lengthBytes = options.lengthBytes ?? (bytes.length < 126 ? 0 : bytes.length < 65536 ? 2 : 8);
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = (fin ? 0x80 : 0) | reserved | opcode;
  head[1] = (key === undefined ? 0 : 0x80) | (lengthBytes === 0 ? bytes.length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(bytes.length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  if (key === undefined) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, key, bytes.map((byte, index) => byte ^ (key[index % 4] ?? 0))]);
}
