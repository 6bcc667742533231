import { createHash } from "node:crypto";
import { sha256 as digestOf } from "../base/digest.ts";
import type { StoreReader } from "./store/store.ts";

/** No content is kept under that SHA-256: never recorded, or its time is over. */
export class BodyMissing extends Error {
  constructor(sha256: string) {
    super(`no content is kept under ${sha256}`);
    this.name = "BodyMissing";
  }
}

/** What is kept under a SHA-256 has another: somebody changed the store. */
export class BodyAltered extends Error {
  constructor(sha256: string) {
    super(`what is kept under ${sha256} is not the content that was recorded`);
    this.name = "BodyAltered";
  }
}

interface Kept {
  size: number;
  content: Buffer;
  chunks: string[];
}

/**
 * The content kept under a SHA-256 (lower-case hex), part by part, each checked before it is handed out: memory holds
 * one part (1 MiB) at a time, however large the whole. Throws BodyMissing where there is none, and BodyAltered where
 * it is not what was recorded; the latter may come after the last part, since only then the whole is known.
 */
export async function* readBody(store: StoreReader, tenant: string, sha256: string): AsyncGenerator<Buffer, void> {
  const kept = await keptUnder(store, tenant, sha256);
  if (kept === undefined) throw new BodyMissing(sha256);
  if (kept.chunks.length === 0) {
    if (digestOf(kept.content) !== sha256) throw new BodyAltered(sha256);
    if (kept.content.length > 0) yield kept.content;
    return;
  }
  const whole = createHash("sha256");
  for (const name of kept.chunks) {
    const chunk = await keptUnder(store, tenant, name);
    // A part is never parted again: a list that names lists could be made to have no end.
    if (chunk === undefined || chunk.chunks.length > 0 || digestOf(chunk.content) !== name) {
      throw new BodyAltered(sha256);
    }
    whole.update(chunk.content);
    yield chunk.content;
  }
  if (whole.digest("hex") !== sha256) throw new BodyAltered(sha256);
}

/** Size in bytes of the content kept under a SHA-256, as the store says it, or undefined where there is none. */
export async function bodySize(store: StoreReader, tenant: string, sha256: string): Promise<number | undefined> {
  const [row] = await store.query<{ size: string | number }>(
    "SELECT size FROM bodies WHERE tenant = {tenant:String} AND sha256 = {sha256:String} LIMIT 1",
    { tenant, sha256 },
  );
  return row && Number(row.size);
}

/**
 * A content as a whole, or undefined where none is kept. Throws BodyAltered as `readBody` does, and a RangeError where
 * it is larger than `most` bytes: a reader that may meet larger ones reads parts.
 */
export async function bodyContent(
  store: StoreReader,
  tenant: string,
  sha256: string,
  most = 256 * 1024 * 1024,
): Promise<Buffer | undefined> {
  const size = await bodySize(store, tenant, sha256);
  if (size === undefined) return undefined;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of readBody(store, tenant, sha256)) {
    bytes += part.length;
    if (bytes > most) throw new RangeError(`the content ${sha256} is larger than ${most} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function keptUnder(store: StoreReader, tenant: string, sha256: string): Promise<Kept | undefined> {
  const [row] = await store.query<{ size: string | number; content: string; chunks: string[] }>(
    "SELECT size, base64Encode(content) AS content, chunks FROM bodies WHERE tenant = {tenant:String} AND sha256 = {sha256:String} LIMIT 1",
    { tenant, sha256 },
  );
  return row && { size: Number(row.size), content: Buffer.from(row.content, "base64"), chunks: row.chunks };
}
