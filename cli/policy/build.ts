import { readFile, rename, writeFile } from "node:fs/promises";
import { packBundle } from "../../engine/bundle/archive.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import { signBundle } from "../../engine/bundle/sign.ts";
import { ensureTool } from "../../tools/ensure.ts";
import type { Answer } from "../action.ts";
import { readInput } from "./read-input.ts";
import { serialOf } from "./serial.ts";
import { wholeFolders } from "./whole-folders.ts";

/**
 * `sallyport policy build`: the same sources and serial give the same bundle, byte for byte, but for ES256's random
 * signature; `policy verify --sources` builds it again to show that.
 */
export async function build(
  rules: readonly string[],
  options: { out: string; key?: string; revision?: string; serial?: string },
): Promise<Answer> {
  const key = options.key === undefined ? undefined : await readInput(options.key, (file) => readFile(file, "utf8"));
  const folders = await wholeFolders(rules);
  const { serial, from } = await serialOf(folders, options.serial);
  const opa = await ensureTool("opa");
  const { files, bundle } = await compileBundle({ sources: folders, opa, revision: options.revision, serial });
  const sealed = key === undefined ? files : await signBundle(files, key);
  // A gateway may be watching this very file: it must never see half of it.
  const half = `${options.out}.${process.pid}.new`;
  await writeFile(half, await packBundle(sealed));
  await rename(half, options.out);
  const count = Object.keys(bundle.rules).length;
  const json = {
    file: options.out,
    revision: bundle.revision,
    serial,
    serialFrom: from,
    digest: bundle.digest,
    content: bundle.content,
    rules: count,
    signed: key !== undefined,
  };
  const notes = [
    `${options.out}: revision ${bundle.revision}, serial ${serial}, ${count} rules`,
    ...(from === "now"
      ? ["The serial is the time, since these sources are in no commit: --serial repeats a build."]
      : []),
    ...(key === undefined ? ["It is not signed: the gateway takes it only with policy.verify: false."] : []),
  ];
  return { json, text: notes.join("\n") };
}
