import { join } from "node:path";
import { ConfigError } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import { prepareSources, runOpaOnSources } from "../../engine/bundle/compile.ts";
import { errorsOf, runOpa } from "../../engine/bundle/opa.ts";
import { type Staged, stageSources } from "../../engine/bundle/sources.ts";
import { ensureTool } from "../../tools/ensure.ts";
import type { Answer } from "../action.ts";

const SCHEMA = join(import.meta.dirname, "..", "..", "engine", "schemas", "input.json");

interface Problem {
  check: "format" | "metadata" | "rules" | "compile" | "builtins";
  message: string;
}

/** `sallyport policy check`: every problem at once; exit 1 where there is one. */
export async function check(folders: readonly string[]): Promise<Answer> {
  const opa = await ensureTool("opa");
  await using staged = await stageSources(folders, { tests: true });
  const problems = [
    ...(await unformatted(staged, opa)),
    ...(await metadata(staged, opa)),
    ...(await types(staged, opa)),
  ];
  const ok = problems.length === 0;
  const text = ok
    ? `${staged.files.length} files: format, types, builtins and METADATA are in order`
    : problems.map((problem) => `${problem.check}: ${problem.message}`).join("\n");
  return { json: { ok, problems }, text, exitCode: ok ? 0 : 1 };
}

async function unformatted(staged: Staged, opa: string): Promise<Problem[]> {
  const result = await runOpa(opa, ["fmt", "--list", "."], { cwd: staged.folder });
  const files = result.stdout.split("\n").filter((line) => line !== "");
  return files.map((file) => ({
    check: "format",
    message: `${staged.original(file)} is not as \`opa fmt\` writes it`,
  }));
}

async function metadata(staged: Staged, opa: string): Promise<Problem[]> {
  try {
    await prepareSources(staged, opa);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) {
      const kind = error.file === "METADATA" ? "metadata" : "rules";
      return error.issues.map((issue) => ({ check: kind, message: `${issue.path}: ${issue.message}` }));
    }
    if (error instanceof UserError) return [{ check: "compile", message: error.message }];
    throw error;
  }
}

/** Tests may call what only opa itself runs, so they are checked apart, without the gateway's capabilities. */
async function types(staged: Staged, opa: string): Promise<Problem[]> {
  const strict = ["check", "--strict", "--schema", SCHEMA];
  const ours = await runOpaOnSources(staged, opa, [...strict, "--ignore", "*_test.rego", "--ignore", ".*", "."]);
  if (ours.unsupported.length > 0) {
    return [
      { check: "builtins", message: `${ours.unsupported.join(", ")} would throw at run time\n${errorsOf(ours)}` },
    ];
  }
  if (ours.code !== 0) return [{ check: "compile", message: errorsOf(ours) }];
  const all = await runOpa(opa, ["check", "--strict", "--ignore", ".*", "."], { cwd: staged.folder });
  return all.code === 0 ? [] : [{ check: "compile", message: staged.original(errorsOf(all)) }];
}
