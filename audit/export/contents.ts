import { BodyAltered, BodyMissing, readBody } from "../bodies.ts";
import type { ExportJob } from "./formats.ts";

/** A content larger than this stands in an export of exchanges by its SHA-256 only: such a format holds it in one line. */
const MOST = 4 * 1024 ** 2;

export type Content =
  | { kept: true; bytes: Buffer }
  /** `why`: for a comment. */
  | { kept: false; why: string };

/** A recorded content for a format that holds it whole. One that was swapped does not pass for what was sent. */
export async function contentOf(
  { store, tenant, contentBytes: most = MOST }: Pick<ExportJob, "store" | "tenant" | "contentBytes">,
  sha256: string,
): Promise<Content> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of readBody(store, tenant, sha256)) {
      size += part.length;
      if (size > most) return { kept: false, why: `larger than ${most} bytes: see its SHA-256` };
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof BodyMissing) return { kept: false, why: "no longer in the store" };
    if (error instanceof BodyAltered) return { kept: false, why: "ALTERED in the store since it was recorded" };
    throw error;
  }
  return { kept: true, bytes: Buffer.concat(parts) };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** As text, or undefined where it is not UTF-8. */
export function asText(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Its text where it is a JSON object; formats of Kubernetes hold objects as they were sent, digits and all. */
export function asJsonObject(bytes: Buffer): string | undefined {
  const text = asText(bytes)?.trim();
  if (text === undefined || !text.startsWith("{")) return undefined;
  try {
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}
