import { readFile } from "node:fs/promises";
import { unpackBundle } from "../../engine/bundle/archive.ts";
import { openBundle } from "../../engine/bundle/bundle.ts";
import { verifyBundle } from "../../engine/bundle/verify.ts";
import type { Answer } from "../action.ts";
import { readInput } from "./read-input.ts";

/** `sallyport policy verify`: exit 1, with the reason, where it is not what was signed. */
export async function verify(bundle: string, keyFiles: readonly string[]): Promise<Answer> {
  const archive = await readInput(bundle, (file) => readFile(file));
  const keys = await Promise.all(keyFiles.map((one) => readInput(one, (file) => readFile(file, "utf8"))));
  const files = await unpackBundle(archive, bundle);
  await verifyBundle(files, keys, bundle);
  const { revision, digest } = openBundle(files, bundle);
  return {
    json: { file: bundle, verified: true, revision, digest },
    text: `${bundle}: verified, revision ${revision}`,
  };
}
