import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { sha256 } from "../../base/digest.ts";
import { packBundle, unpackBundle } from "../../engine/bundle/archive.ts";
import { type Bundle, openBundle } from "../../engine/bundle/bundle.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import { listSources } from "../../engine/bundle/sources.ts";
import { ensureTool, toolCache } from "../../tools/ensure.ts";

const KEPT = 20;
const ENGINE = join(import.meta.dirname, "..", "..", "engine", "bundle");

/**
 * The bundle of these folders, compiled unless the same sources were compiled before by the same opa and the same
 * compiler of ours: a build takes seconds, and a person asks again after every change.
 */
export async function cachedBundle(folders: readonly string[]): Promise<Bundle> {
  return (await keptBundle(folders)).bundle;
}

/** As cachedBundle, with the unsigned archive that it is kept in. */
export async function keptBundle(folders: readonly string[]): Promise<{ file: string; bundle: Bundle }> {
  const opa = await ensureTool("opa");
  const file = join(toolCache(), "bundles", `${await keyOf(folders, opa)}.tar.gz`);
  const kept = await readKept(file);
  if (kept !== undefined) return { file, bundle: kept };
  const { files, bundle } = await compileBundle({ sources: folders, opa });
  await mkdir(dirname(file), { recursive: true });
  const half = `${file}.${process.pid}.new`;
  await writeFile(half, await packBundle(files), { mode: 0o600 });
  await rename(half, file);
  await prune(dirname(file));
  return { file, bundle };
}

/** Those that were used last are kept: every change of a rule leaves one behind. */
async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".tar.gz"));
  const used = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      // Another command may have pruned it already.
      const found = await stat(file).catch(() => undefined);
      return { file, at: found?.mtimeMs ?? 0 };
    }),
  );
  const old = used.sort((a, b) => b.at - a.at).slice(KEPT);
  await Promise.all(old.map(({ file }) => rm(file, { force: true })));
}

/** Undefined where there is none, or where what is there is no bundle (a disk that was full): it is built again. */
async function readKept(file: string): Promise<Bundle | undefined> {
  try {
    const bundle = openBundle(await unpackBundle(await readFile(file), file), file);
    const now = new Date();
    await utimes(file, now, now);
    return bundle;
  } catch {
    return undefined;
  }
}

async function keyOf(folders: readonly string[], opa: string): Promise<string> {
  const { size, mtimeMs } = await stat(opa);
  const parts = [basename(opa), String(size), String(mtimeMs)];
  const names = (await readdir(ENGINE, { recursive: true })).filter((name) => extname(name) !== "").sort();
  for (const name of names) parts.push(name, sha256(await readFile(join(ENGINE, name))));
  for (const { path, file } of await listSources(folders)) parts.push(path, sha256(await readFile(file)));
  return sha256(parts.join("\n")).slice(0, 32);
}
