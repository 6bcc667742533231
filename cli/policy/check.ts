import type { Guardrails } from "../../base/config/guardrails.ts";
import { guardrailsSchema } from "../../base/config/guardrails.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { readYaml } from "../../base/config/read.ts";
import { UserError } from "../../base/errors.ts";
import { inspectRules } from "../../engine/bundle/compile.ts";
import { type Staged, stageSources } from "../../engine/bundle/sources.ts";
import { guardrailsIssues } from "../../engine/guardrails-issues.ts";
import { ensureTool } from "../../tools/ensure.ts";
import type { Answer } from "../action.ts";
import { compileProblems } from "./checking/compile-problems.ts";
import { fixFormat, formatProblems } from "./checking/format-problems.ts";
import { lintProblems } from "./checking/lint-problems.ts";
import { metadataProblems } from "./checking/metadata-problems.ts";
import { type Problem, rendered, sorted } from "./checking/problem.ts";
import { shownPath } from "./shown-path.ts";
import { wholeFolders } from "./whole-folders.ts";

export interface CheckOptions {
  /** guardrails.yaml to check against the rules. */
  guardrails?: string;
  /** Rewrite what is not formatted. */
  fix?: boolean;
}

/** `sallyport policy check`: every problem at once, in order of files and lines; exit 1 where there is one. */
export async function check(rules: readonly string[], options: CheckOptions = {}): Promise<Answer> {
  const [opa, regal] = await Promise.all([ensureTool("opa"), ensureTool("regal")]);
  const folders = await wholeFolders(rules);
  const fixed = options.fix === true ? await fix(folders, opa) : [];
  await using staged = await stageSources(folders, { tests: true });
  const found = await Promise.all([
    formatProblems(staged, opa),
    compileProblems(staged, opa),
    metadataProblems(staged, opa),
    lintProblems(staged, regal),
    options.guardrails === undefined ? [] : guardrailsProblems(options.guardrails, staged, opa),
  ]);
  const problems = sorted(found.flat());
  const ok = problems.length === 0;
  const rewritten = fixed.map((file) => `rewritten: ${shownPath(file)}`);
  const summary = ok
    ? `${staged.files.length} files: format, types, builtins, METADATA and style are in order`
    : `${problems.length} problem${problems.length === 1 ? "" : "s"} in ${new Set(problems.map(({ file }) => file)).size} of ${staged.files.length} files`;
  const text = [...rewritten, ...problems.map(rendered), summary].join("\n");
  return { json: { ok, files: staged.files.length, problems, fixed }, text, exitCode: ok ? 0 : 1 };
}

async function fix(folders: readonly string[], opa: string): Promise<string[]> {
  await using staged = await stageSources(folders, { tests: true });
  return await fixFormat(staged, opa);
}

/** Mistakes of the file itself, else what it says that these rules don't know. */
async function guardrailsProblems(file: string, staged: Staged, opa: string): Promise<Problem[]> {
  const problem = (path: string, message: string): Problem => ({
    check: "guardrails",
    file: shownPath(file),
    line: 0,
    message: `${path === "" ? "" : `${path}: `}${message}`,
  });
  let guardrails: Guardrails;
  try {
    guardrails = readYaml(file, guardrailsSchema);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => problem(issue.path, issue.message));
    throw error;
  }
  try {
    const { rules } = await inspectRules(staged, opa);
    return guardrailsIssues(guardrails, rules).map((issue) => problem(issue.path, issue.message));
  } catch (error) {
    // Rules that don't parse are problems of their own.
    if (error instanceof UserError && error.exitCode === 1) return [];
    throw error;
  }
}
