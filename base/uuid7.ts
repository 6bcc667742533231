import { randomFillSync } from "node:crypto";

const pool = Buffer.allocUnsafe(16 * 256);
let offset = pool.length;
const hex = Array.from({ length: 256 }, (_, i) => (i + 0x100).toString(16).slice(1));

/** A UUIDv7 (RFC 9562 §5.7): 48 bits of time, so that ids sort by when they were made, then random. */
export function uuid7(now: number = Date.now()): string {
  if (offset >= pool.length) {
    randomFillSync(pool);
    offset = 0;
  }
  const r = pool.subarray(offset, offset + 16);
  offset += 16;
  const time = now.toString(16).padStart(12, "0");
  const h = (i: number): string => hex[r[i] as number] as string;
  const versioned = hex[((r[6] as number) & 0x0f) | 0x70] as string;
  const variant = hex[((r[8] as number) & 0x3f) | 0x80] as string;
  return `${time.slice(0, 8)}-${time.slice(8)}-${versioned}${h(7)}-${variant}${h(9)}-${h(10)}${h(11)}${h(12)}${h(13)}${h(14)}${h(15)}`;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
