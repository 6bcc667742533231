import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { ConfigError, type ConfigIssue } from "../../base/config/issues.ts";
import { sha256 } from "../../base/digest.ts";
import { errorMessage, UserError } from "../../base/errors.ts";

const MAX_FILES = 5000;
const STAGED_PATH = /[\w./-]+\.rego/g;

/** One Rego file: its path below its source folder, and where it really is. */
export interface SourceFile {
  path: string;
  file: string;
}

/**
 * The Rego files of several folders as one tree, in order of their paths; tests only where asked for.
 * Throws a ConfigError where two folders define one path, since one rule would silently replace the other.
 */
export async function listSources(
  folders: readonly string[],
  options: { tests?: boolean } = {},
): Promise<SourceFile[]> {
  const found = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  for (const folder of folders) {
    let entries: string[];
    try {
      entries = await readdir(folder, { recursive: true });
    } catch (error) {
      throw new UserError(`the folder of rules ${folder} cannot be read: ${errorMessage(error)}`, { exitCode: 2 });
    }
    if (entries.length > MAX_FILES * 4)
      throw new UserError(`${folder} has too many files to be rules`, { exitCode: 2 });
    for (const entry of entries) {
      const path = entry.split(sep).join("/");
      if (!path.endsWith(".rego") || path.startsWith(".") || path.includes("/.")) continue;
      if (path.endsWith("_test.rego") && options.tests !== true) continue;
      const other = found.get(path);
      if (other === undefined) found.set(path, join(folder, entry));
      else issues.push({ path, message: `is in ${dirname(relative(".", other))} already` });
    }
  }
  if (issues.length > 0) throw new ConfigError(folders.join(", "), issues);
  if (found.size === 0) throw new UserError(`there are no Rego files in ${folders.join(", ")}`, { exitCode: 2 });
  if (found.size > MAX_FILES) throw new UserError(`more than ${MAX_FILES} Rego files`, { exitCode: 2 });
  return [...found].map(([path, file]) => ({ path, file })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

export interface Staged {
  /** A temporary folder with all sources under their paths; opa runs in it, so that no path of this machine gets into the bundle. */
  folder: string;
  files: (SourceFile & { content: string })[];
  /** First 16 hex of the SHA-256 of paths and contents. */
  revision: string;
  /** Names a staged path as the person knows it. */
  original(text: string): string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Copies the sources into one temporary tree; dispose of it. */
export async function stageSources(folders: readonly string[], options: { tests?: boolean } = {}): Promise<Staged> {
  const files = await listSources(folders, options);
  const folder = await mkdtemp(join(tmpdir(), "sallyport-policy-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const hashed: string[] = [];
    const staged: Staged["files"] = [];
    for (const { path, file } of files) {
      const target = join(folder, path);
      const content = await readFile(file, "utf8");
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
      hashed.push(path, sha256(content));
      staged.push({ path, file, content });
    }
    const known = new Map(files.map((one) => [one.path, one.file]));
    return {
      folder,
      files: staged,
      revision: sha256(hashed.join("\n")).slice(0, 16),
      original: (message) => message.replace(STAGED_PATH, (path) => known.get(path) ?? path),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
