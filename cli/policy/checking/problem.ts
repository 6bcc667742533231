import type { Staged } from "../../../engine/bundle/sources.ts";
import { shownPath } from "../shown-path.ts";

/** One thing that is wrong with the sources of a policy, and where. */
export interface Problem {
  check: "format" | "compile" | "types" | "builtins" | "metadata" | "rules" | "lint" | "guardrails";
  /** As the person knows it; empty where it is of no one file. */
  file: string;
  /** 0 where it is of the whole file. */
  line: number;
  column?: number;
  message: string;
  /** The line that is at fault. */
  code?: string;
  /** What to do. */
  next?: string;
}

/** A problem at a staged path, told in the person's own, with its line of code. */
export function located(staged: Staged, path: string, problem: Omit<Problem, "file" | "code">): Problem {
  const source = staged.files.find((one) => one.path === path);
  const code = source?.content.split("\n")[problem.line - 1];
  return {
    ...problem,
    file: shownPath(source?.file ?? path),
    ...(code === undefined || code.trim() === "" ? {} : { code }),
  };
}

/** In order of files and lines, each once. */
export function sorted(problems: readonly Problem[]): Problem[] {
  const once = new Map(problems.map((one) => [JSON.stringify([one.file, one.line, one.column, one.message]), one]));
  return [...once.values()].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || (a.column ?? 0) - (b.column ?? 0),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `file:line:column: what is wrong`, the code below it with a mark, and what to do. */
export function rendered({ check, file, line, column, message, code, next }: Problem): string {
  const where = [file, ...(line > 0 ? [line] : []), ...(column !== undefined && column > 0 ? [column] : [])].join(":");
  const lines = [`${where}: ${check}: ${message}`];
  if (code !== undefined) {
    const indent = code.length - code.trimStart().length;
    lines.push(`    ${code.trim()}`);
    if (column !== undefined && column > 0) lines.push(`    ${" ".repeat(Math.max(0, column - 1 - indent))}^`);
  }
  if (next !== undefined) lines.push(`  next: ${next}`);
  return lines.join("\n");
}
