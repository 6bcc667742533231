import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import { readInput } from "../policy/read-input.ts";

/** A file of `exceptions/`. */
export interface ExceptionFile {
  /** As it was named. */
  path: string;
  /** Of the file, without `.yaml`. */
  name: string;
  text: string;
}

/** Files, and those of folders, in order of their names. Throws a UserError (exit 2) where one cannot be read. */
export async function exceptionFiles(named: readonly string[]): Promise<ExceptionFile[]> {
  const paths: string[] = [];
  for (const path of named) {
    const found = await readInput(path, (file) => stat(file));
    if (!found.isDirectory()) paths.push(path);
    else for (const file of (await readdir(path)).sort()) if (/\.ya?ml$/.test(file)) paths.push(join(path, file));
  }
  const texts = await Promise.all(paths.map((path) => readInput(path, (file) => readFile(file, "utf8"))));
  return paths.map((path, i) => ({ path, name: basename(path).replace(/\.ya?ml$/, ""), text: texts[i] ?? "" }));
}

/**
 * The standing exceptions of files; those for one request are left out. One that is not valid goes to `broken`; throws its
 * ConfigError where nobody takes it. Throws a UserError where none is left.
 */
export async function standingExceptions(
  named: readonly string[],
  broken?: (file: ExceptionFile, error: ConfigError) => void,
): Promise<StandingException[]> {
  const files = await exceptionFiles(named);
  const standing: StandingException[] = [];
  for (const file of files) {
    try {
      const exception = parseStanding(file.name, file.text);
      if (exception !== undefined) standing.push(exception);
    } catch (error) {
      if (broken === undefined || !(error instanceof ConfigError)) throw error;
      broken(file, error);
    }
  }
  if (standing.length > 0 || files.length === 0 || broken !== undefined) return standing;
  throw new UserError("these files are for one request each, and none of them is a standing exception", {
    exitCode: 2,
  });
}
