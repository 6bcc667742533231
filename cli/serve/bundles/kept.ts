import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../../base/digest.ts";

/** Where things of one source are kept: another URL's must never be taken for this one's. */
export function keptPath(state: string, kind: string, url: string): string {
  return join(state, `${kind}-${sha256(url).slice(0, 16)}`);
}

/** Writes a bundle beside the record, for a start with its server down. It is verified again when it is read. */
export async function keepArchive(state: string, url: string, archive: Uint8Array): Promise<void> {
  await mkdir(state, { recursive: true, mode: 0o700 });
  const file = `${keptPath(state, "bundle", url)}.tar.gz`;
  const half = `${file}.${process.pid}.new`;
  const handle = await open(half, "w", 0o600);
  try {
    await handle.writeFile(archive);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(half, file);
}

/** What was kept, or undefined. */
export async function keptArchive(state: string, url: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(`${keptPath(state, "bundle", url)}.tar.gz`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
