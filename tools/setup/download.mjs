import { chmod, writeFile } from "node:fs/promises";
import { fileSha256 } from "./cache.mjs";
import { SetupFailure } from "./failure.mjs";

const NEXT = "have the mirror corrected, or unset SALLYPORT_TOOLS_MIRROR to build from source";

/**
 * Downloads an executable, and refuses one whose SHA-256 is not the pinned one: a mirror is trusted with nothing.
 *
 * @param {string} url
 * @param {string} sha256 lower-case hex
 * @param {string} file
 */
export async function download(url, sha256, file) {
  let content;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(600_000) });
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    content = Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    // fetch says why only in the cause.
    const { message, cause } = /** @type {Error} */ (error);
    throw new SetupFailure(`${url} could not be downloaded: ${cause instanceof Error ? cause.message : message}`, NEXT);
  }
  await writeFile(file, content);
  const found = await fileSha256(file);
  if (found !== sha256) throw new SetupFailure(`${url} has SHA-256 ${found}, and ${sha256} is pinned`, NEXT);
  await chmod(file, 0o755);
}
