import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { ConfigError, type ConfigIssue } from "../../../base/config/issues.ts";
import { type LocatedCase, readCases } from "./case-file.ts";

/** Where the cases of a folder of rules are: `policy-tests` in it, or beside it. */
export async function caseFolders(folders: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const folder of folders) {
    for (const path of [join(folder, "policy-tests"), join(dirname(join(folder, ".")), "policy-tests")]) {
      if (await isFolder(path)) found.add(path);
    }
  }
  return [...found];
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/**
 * All cases below these folders, in order of their files. Throws one ConfigError with the mistakes of all files. A
 * file without cases must be the body of one.
 *
 * @param wanted which files to read, by the rule that they are about.
 */
export async function listCases(
  folders: readonly string[],
  wanted?: (rule: string) => boolean,
): Promise<LocatedCase[]> {
  const cases: LocatedCase[] = [];
  const issues: ConfigIssue[] = [];
  const unnamed = new Set<string>();
  for (const folder of folders) {
    for (const file of (await readdir(folder, { recursive: true })).sort()) {
      if (!/\.ya?ml$/.test(file) || basename(file).startsWith(".")) continue;
      const rule = file
        .split(sep)
        .join("/")
        .replace(/\.ya?ml$/, "");
      const path = join(folder, file);
      if (!/^cases:/m.test(await readFile(path, "utf8"))) unnamed.add(path);
      else if (wanted?.(rule) ?? true) {
        try {
          cases.push(...(await readCases(path, rule)));
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          issues.push(...error.issues.map((issue) => ({ ...issue, path: `${path}: ${issue.path}` })));
        }
      }
    }
  }
  for (const { file, request } of cases) unnamed.delete(join(dirname(file), request.bodyFile ?? ""));
  // Whoever reads only some of the cases cannot tell whose body a file is.
  if (wanted === undefined && issues.length === 0) {
    for (const path of unnamed) issues.push({ path, message: "has no cases, and no case names it as its body" });
  }
  if (issues.length > 0) throw new ConfigError("policy-tests", issues);
  return cases;
}
