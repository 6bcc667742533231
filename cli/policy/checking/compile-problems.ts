import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { didYouMean } from "../../../base/config/issues.ts";
import { unsupportedBuiltins, wasmCapabilities } from "../../../engine/bundle/capabilities.ts";
import { errorsOf, runOpa } from "../../../engine/bundle/opa.ts";
import type { Staged } from "../../../engine/bundle/sources.ts";
import { alternative } from "./alternatives.ts";
import { located, type Problem } from "./problem.ts";

const SCHEMA = join(import.meta.dirname, "..", "..", "..", "engine", "schemas", "input.json");

interface OpaError {
  message: string;
  code: string;
  location?: { file: string; row: number; col: number };
  /** Of an undefined reference: which part of it, and what there is in its place. */
  details?: { ref?: { value: unknown }[]; pos?: number; oneOf?: string[]; line?: string };
}

/**
 * What opa's compiler says. Three times, since it stops at the first stage that finds something: with the builtins of
 * the WASM runtime alone, with the types of the input's schema, and strictly, tests with it (those may call what only
 * opa has, and what they make of `input` is theirs).
 */
export async function compileProblems(staged: Staged, opa: string): Promise<Problem[]> {
  await writeFile(join(staged.folder, ".capabilities.json"), JSON.stringify(await wasmCapabilities(opa)));
  const rules = ["--schema", SCHEMA, "--ignore", "*_test.rego"];
  const runs = await Promise.all([
    check(staged, opa, [...rules, "--capabilities", ".capabilities.json"]),
    check(staged, opa, rules),
    check(staged, opa, ["--strict"]),
  ]);
  const errors = runs.flat();
  const foreign = new Set(await unsupportedBuiltins(opa, errors.map(({ message }) => message).join("\n")));
  const shown = new Set<string>();
  // What opa's parser says of one place after its first word is about that.
  const first = ({ code, location: at }: OpaError): boolean => {
    const place = `${at?.file}:${at?.row}`;
    return code !== "rego_parse_error" || (!shown.has(place) && shown.add(place).size > 0);
  };
  return errors.filter(first).map((error) => problemOf(staged, error, foreign));
}

async function check(staged: Staged, opa: string, more: readonly string[]): Promise<OpaError[]> {
  const args = ["check", "--format", "json", "--max-errors", "0", "--ignore", ".*", ...more, "."];
  const result = await runOpa(opa, args, { cwd: staged.folder });
  if (result.code === 0) return [];
  try {
    return (JSON.parse(result.stdout || result.stderr) as { errors: OpaError[] }).errors;
  } catch {
    return [{ code: "rego_compile_error", message: staged.original(errorsOf(result)) }];
  }
}

function problemOf(staged: Staged, error: OpaError, foreign: ReadonlySet<string>): Problem {
  const { file = "", row = 0, col = 0 } = error.location ?? {};
  const at = { line: row, ...(col > 0 ? { column: col } : {}) };
  const called = /^undefined function (\S+)/.exec(error.message)?.[1];
  if (called !== undefined && foreign.has(called)) {
    const message = `the gateway's WASM runtime has no ${called}: it would throw when it is reached, and deny`;
    return located(staged, file, { check: "builtins", ...at, message, next: alternative(called) });
  }
  const { ref, pos, oneOf } = error.details ?? {};
  const unknown = pos === undefined ? undefined : ref?.[pos]?.value;
  if (typeof unknown === "string" && ref !== undefined && pos !== undefined) {
    const before = ref
      .slice(0, pos)
      .map((part) => String(part.value))
      .join(".");
    const next = ref[0]?.value === "input" ? "what input holds is in engine/schemas/input.json" : undefined;
    return located(staged, file, {
      check: "types",
      ...at,
      message: `${before} has no ${unknown}; ${didYouMean(unknown, oneOf ?? [])}`,
      ...(next === undefined ? {} : { next }),
    });
  }
  const advice = ADVICE.find(([pattern]) => pattern.test(error.message))?.[1];
  return located(staged, file, {
    check: "compile",
    ...at,
    message: error.message,
    ...(advice === undefined ? {} : { next: advice }),
  });
}

/** What to do about opa's most frequent complaints. */
const ADVICE: readonly [RegExp, string][] = [
  [/^import .* unused/, "remove the import"],
  [/^assigned var .* unused/, "remove it, or write `_` in its place"],
  [/^var (\S+) is unsafe/, "give it a value first: `some x in …`, `x := …`; a name from elsewhere needs an import"],
  [/^var (\S+) is undeclared/, "declare it: `some x in …` or `x := …`; a name from elsewhere needs an import"],
  [/^undefined function/, "define it, or import the package that has it"],
  [/^undefined ref: data/, "import what exists: the folder is the package, with _ for each dash"],
  [/^match error/, "the two sides have different types, and are never equal"],
  [
    /^unexpected|^illegal|^non-terminated|parse/,
    "the code before the mark ends here: look for a bracket or a quote that is not closed",
  ],
  [/conflicting rules|multiple default/, "two rules of one name must not both give a value: make them one, or a set"],
];
