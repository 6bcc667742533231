import { dirname } from "node:path";
import type { Staged } from "../../../engine/bundle/sources.ts";
import type { LocatedCase } from "../cases/case-file.ts";

/** What of a policy is tested: all of it, what a person named, or what a change touches. */
export interface Selection {
  /** Of the tests' ids, as opa's --run takes it; all where absent. */
  tests?: string;
  cases(one: Pick<LocatedCase, "rule" | "name">): boolean;
  /** Whose coverage is told: a rule of which only some tests run has none. */
  covers(rule: string): boolean;
}

export const EVERYTHING: Selection = { cases: () => true, covers: () => true };

/** What `--run NAME` means: a rule's id or part of it, or part of the name of a test or of a case. */
export function named(name: string): Selection {
  const wanted = plain(name);
  return {
    // `workload/host-path` is `workload.host_path` among packages, and a case's words are a test's underscores.
    tests: `(?i)${name.trim().replace(/[^A-Za-z0-9]/g, ".")}`,
    cases: (one) => plain(`${one.rule} ${one.name}`).includes(wanted),
    covers: (rule) => plain(rule).includes(wanted),
  };
}

/** What these folders' rules stand on, and what stands on them, is run again. */
export function ofFolders(folders: ReadonlySet<string>, staged: Staged): Selection {
  const packages = staged.files
    .filter(({ path }) => folders.has(dirname(path)) && path.endsWith("_test.rego"))
    .map(({ content }) => packageOf(content));
  return {
    // A pattern that no test has, where none is touched: opa takes an empty one for all.
    tests: packages.length === 0 ? "^none$" : `^data\\.(${packages.join("|").replaceAll(".", "\\.")})\\.`,
    cases: ({ rule }) => folders.has(rule),
    covers: (rule) => folders.has(rule),
  };
}

/** The folders of what changed and of all that refers to it, however far. */
export function affectedFolders(staged: Staged, changed: ReadonlySet<string>): Set<string> {
  const modules = staged.files.map(({ path, content }) => ({
    folder: dirname(path),
    isTest: path.endsWith("_test.rego"),
    package: packageOf(content),
    refers: new Set([...content.matchAll(/\bdata\.([\w.]+)/g)].map((match) => match[1] ?? "")),
  }));
  const affected = new Set(changed);
  for (let grown = true; grown; ) {
    grown = false;
    // A test is seen by nobody but its own folder.
    const packages = modules.filter((one) => affected.has(one.folder) && !one.isTest).map((one) => one.package);
    for (const module of modules) {
      if (affected.has(module.folder)) continue;
      if (!packages.some((name) => [...module.refers].some((ref) => ref === name || ref.startsWith(`${name}.`))))
        continue;
      affected.add(module.folder);
      grown = true;
    }
  }
  return affected;
}

function packageOf(content: string): string {
  return /^package\s+([\w.]+)/m.exec(content)?.[1] ?? "";
}

function plain(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]/g, " ");
}
