import { crc32 } from "node:zlib";

/**
 * What a segment file is made of: `length (u32 LE of the payload) | CRC-32 (u32 LE of type and payload) | type (u8) |
 * payload`. An event's payload is its row as one line of JSON, exactly as the store reads it; a body's is its
 * SHA-256 (32 bytes) and its content, compressed (RFC 8878) in the type of that name; a list's is what
 * `audit/recorder/contents.ts` says of a content in parts.
 */
export const FRAME_HEADER = 9;
/** Above this a length is taken for damage: the gateway caps bodies far below. */
export const MAX_FRAME = 128 * 1024 * 1024;
export type FrameType = "event" | "body" | "compressed body" | "list";
const TYPE: Record<FrameType, number> = { event: 0x45, body: 0x42, "compressed body": 0x5a, list: 0x4c };
const NAMES = new Map(Object.entries(TYPE).map(([name, byte]) => [byte, name as FrameType]));

export interface Frame {
  type: FrameType;
  payload: Buffer;
}

/** One frame as bytes. */
export function encodeFrame(type: FrameType, parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const frame = Buffer.allocUnsafe(FRAME_HEADER + length);
  frame.writeUInt32LE(length, 0);
  frame[8] = TYPE[type];
  let at = FRAME_HEADER;
  for (const part of parts) {
    frame.set(part, at);
    at += part.byteLength;
  }
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
  return frame;
}

/** Whether a whole frame is an event's: each event has one, after those of its contents. */
export const isEvent = (frame: Buffer): boolean => frame[8] === TYPE.event;

export type Decoded =
  | { kind: "frame"; frame: Frame; end: number }
  /** `bytes`: size of the frame that starts here, as far as its header tells. */
  | { kind: "more"; bytes: number }
  | { kind: "torn"; why: string };

/** The frame that starts at `offset` of `data`; payloads are views of `data`. */
export function decodeFrame(data: Buffer, offset: number): Decoded {
  if (data.length - offset < FRAME_HEADER) return { kind: "more", bytes: FRAME_HEADER };
  const length = data.readUInt32LE(offset);
  // A file system that lost its last writes hands back zeros; no frame of ours is empty.
  if (length === 0 || length > MAX_FRAME) return { kind: "torn", why: `a frame claims ${length} bytes` };
  const end = offset + FRAME_HEADER + length;
  if (data.length < end) return { kind: "more", bytes: FRAME_HEADER + length };
  if (crc32(data.subarray(offset + 8, end)) !== data.readUInt32LE(offset + 4)) {
    return { kind: "torn", why: "a frame's checksum is wrong" };
  }
  const type = NAMES.get(data[offset + 8] ?? 0);
  if (type === undefined) return { kind: "torn", why: "a frame has an unknown type" };
  return { kind: "frame", frame: { type, payload: data.subarray(offset + FRAME_HEADER, end) }, end };
}
