import ignore from "ignore";

/** In this order, and the first that there is (docs.github.com, "About code owners"). */
export const CODEOWNERS_PATHS = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
/** GitHub reads no larger one, and so nobody is an owner. */
const MOST_BYTES = 3 * 1024 * 1024;

export interface Owners {
  /** Lower case, without @. */
  logins: string[];
  /** `org/team`, lower case. */
  teams: string[];
}

/**
 * Who owns a path, by the last line that matches it; undefined where no line does, or the last names nobody. An owner
 * by e-mail is an owner whom nobody here can be told to be, so that they are none, and the path still is owned.
 */
export function ownersOf(codeowners: string, path: string): Owners | undefined {
  if (Buffer.byteLength(codeowners) > MOST_BYTES) return undefined;
  let owners: string[] = [];
  for (const line of codeowners.split(/\r?\n/)) {
    const [pattern, ...named] = wordsOf(line);
    if (pattern !== undefined && matches(pattern, path)) owners = named;
  }
  if (owners.length === 0) return undefined;
  const named = owners.filter((owner) => owner.startsWith("@")).map((owner) => owner.slice(1).toLowerCase());
  return { logins: named.filter((name) => !name.includes("/")), teams: named.filter((name) => name.includes("/")) };
}

/** Split at spaces that no backslash escapes; what follows a # is a comment. */
function wordsOf(line: string): string[] {
  const words = line.trim().match(/(?:\\.|[^\s\\])+/g) ?? [];
  const comment = words.findIndex((word) => word.startsWith("#"));
  return comment === -1 ? words : words.slice(0, comment);
}

/** As gitignore, but for what CODEOWNERS does not have: exclusions, ranges, escaped #. Such a line is left out. */
function matches(pattern: string, path: string): boolean {
  if (/^[!]|^\\#|[[\]]/.test(pattern)) return false;
  const rule = ignore({ ignorecase: false }).add(pattern);
  if (!rule.ignores(path)) return false;
  // `docs/*` is the files of a folder and not what lies deeper, where gitignore takes the folder with all of it.
  if (!/[^*]\/\*$|^\/\*$/.test(pattern)) return true;
  const folders = path.split("/").slice(0, -1);
  return !folders.some((_, i) => rule.ignores(`${folders.slice(0, i + 1).join("/")}/`));
}
