import { malformed } from "../channels/malformed.ts";
import type { Direction } from "../channels/types.ts";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const OPCODES: readonly number[] = Object.values(OPCODE);
/** RFC 6455, section 5.5. */
const CONTROL_PAYLOAD_LIMIT = 125;

export interface FrameHead {
  readonly fin: boolean;
  readonly opcode: number;
  /** Bytes of payload. */
  readonly length: number;
  /** The four bytes of the client's masking key; undefined downwards. */
  readonly key: Uint8Array | undefined;
  readonly control: boolean;
}

/** How long the head is that begins with these two bytes: 2, the longer length, and the masking key. */
export function headLength(start: Uint8Array): number {
  const second = start[1] ?? 0;
  const code = second & 0x7f;
  return 2 + (code === 127 ? 8 : code === 126 ? 2 : 0) + ((second & 0x80) === 0 ? 0 : 4);
}

/**
 * Reads the head of a frame (RFC 6455, section 5.2). Throws Refusal where the RFC has it fail: also where Go's
 * x/net/websocket, which the API server reads channels with, goes on (reserved bits and opcodes, lengths that
 * are not minimal, the sign bit of a length).
 */
export function readHead(bytes: Uint8Array, direction: Direction): FrameHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint8(0);
  const second = view.getUint8(1);
  if ((first & 0x70) !== 0) malformed("a WebSocket frame has reserved bits set, and no extension was agreed");
  const opcode = first & 0x0f;
  if (!OPCODES.includes(opcode)) malformed("a WebSocket frame has a reserved opcode");
  const masked = (second & 0x80) !== 0;
  if (masked !== (direction === "up"))
    malformed(`a WebSocket frame of the ${masked ? "server is masked" : "client is not masked"}`);
  const fin = (first & 0x80) !== 0;
  const length = payloadLength(view, second & 0x7f);
  const control = opcode >= OPCODE.close;
  if (control && !fin) malformed("a WebSocket control frame is fragmented");
  if (control && length > CONTROL_PAYLOAD_LIMIT)
    malformed(`a WebSocket control frame has more than ${CONTROL_PAYLOAD_LIMIT} bytes`);
  if (opcode === OPCODE.close && length === 1) malformed("a WebSocket close frame has half a code");
  return { fin, opcode, length, key: masked ? new Uint8Array(bytes.subarray(-4)) : undefined, control };
}

function payloadLength(view: DataView, code: number): number {
  if (code < 126) return code;
  if (code === 126) {
    const length = view.getUint16(2);
    if (length < 126) malformed("the length of a WebSocket frame is not minimal");
    return length;
  }
  const length = view.getBigUint64(2);
  if (length < 0x10000n) malformed("the length of a WebSocket frame is not minimal");
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) malformed("a WebSocket frame states an impossible length");
  return Number(length);
}

/** The key, turned to where a slice begins; and the same as the word that this machine reads it as. */
const turned = new Uint8Array(4);
const turnedWord = new Uint32Array(turned.buffer);

/** The payload as the client meant it: a copy. `position` is the offset of `bytes` in the frame's payload. */
export function unmask(bytes: Uint8Array, key: Uint8Array, position: number): Uint8Array {
  for (let index = 0; index < 4; index++) turned[index] = key[(position + index) & 3] ?? 0;
  const word = turnedWord[0] ?? 0;
  const clear = new Uint8Array(bytes);
  // Word by word: some six times as fast.
  const words = new Uint32Array(clear.buffer, 0, clear.length >>> 2);
  for (let index = 0; index < words.length; index++) words[index] = (words[index] ?? 0) ^ word;
  for (let index = words.length * 4; index < clear.length; index++) {
    clear[index] = (clear[index] ?? 0) ^ (turned[index & 3] ?? 0);
  }
  return clear;
}
