import { readFile } from "node:fs/promises";
import { type BundleFiles, unpackBundle } from "../../engine/bundle/archive.ts";
import { type Bundle, openBundle } from "../../engine/bundle/bundle.ts";
import { SIGNATURES } from "../../engine/bundle/sign.ts";
import { verifyBundle } from "../../engine/bundle/verify.ts";
import type { Answer } from "../action.ts";
import { readInput } from "./read-input.ts";

/**
 * `sallyport policy verify`: exit 1, with the reason, where it is not what was signed. With `sources` it is built
 * again from them: every file must have the same bytes, the signature aside, which is another one each time.
 */
export async function verify(
  bundle: string,
  keyFiles: readonly string[],
  sources: readonly string[] = [],
): Promise<Answer> {
  const archive = await readInput(bundle, (file) => readFile(file));
  const keys = await Promise.all(keyFiles.map((one) => readInput(one, (file) => readFile(file, "utf8"))));
  const files = await unpackBundle(archive, bundle);
  await verifyBundle(files, keys, bundle);
  const opened = openBundle(files, bundle);
  const { revision, digest, serial } = opened;
  const differing = sources.length === 0 ? [] : await rebuilt(files, opened, sources);
  const json = {
    file: bundle,
    verified: true,
    revision,
    serial,
    digest,
    ...(sources.length === 0 ? {} : { differing }),
  };
  const lines = [`${bundle}: verified, revision ${revision}, serial ${serial ?? "none"}`];
  if (sources.length > 0)
    lines.push(
      differing.length === 0
        ? `It is what ${sources.join(" and ")} builds, byte for byte.`
        : `It is not what ${sources.join(" and ")} builds: ${differing.join(", ")} ${differing.length === 1 ? "differs" : "differ"}.`,
    );
  return { json, text: lines.join("\n"), ...(differing.length === 0 ? {} : { exitCode: 1 as const }) };
}

/** Names of the files that another build of the same sources makes differently. */
async function rebuilt(
  files: BundleFiles,
  { revision, serial }: Bundle,
  sources: readonly string[],
): Promise<string[]> {
  const { compileBundle } = await import("../../engine/bundle/compile.ts");
  const { ensureTool } = await import("../../tools/ensure.ts");
  const { wholeFolders } = await import("./whole-folders.ts");
  const built = await compileBundle({
    sources: await wholeFolders(sources),
    opa: await ensureTool("opa"),
    revision,
    ...(serial === undefined ? {} : { serial }),
  });
  const names = new Set([...files.keys(), ...built.files.keys()].filter((name) => name !== SIGNATURES));
  const bytes = (content: Uint8Array | undefined): Buffer => Buffer.from(content ?? new Uint8Array());
  return [...names].filter((name) => !bytes(files.get(name)).equals(bytes(built.files.get(name)))).sort();
}
