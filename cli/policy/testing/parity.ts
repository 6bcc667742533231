import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "../../../base/errors.ts";
import { unpackBundle } from "../../../engine/bundle/archive.ts";
import { errorsOf, runOpa } from "../../../engine/bundle/opa.ts";
import type { Staged } from "../../../engine/bundle/sources.ts";
import { jsonBuffer, PolicyInstance } from "../../../engine/wasm/instance.ts";
import { CompileError, type UnitTest } from "./unit.ts";

export interface Difference {
  test: string;
  file: string;
  row: number;
  /** What opa's own evaluator answers, and what the WASM: `passed`, `failed`, or the cases that pass. */
  native: string;
  wasm: string;
}

export interface Parity {
  /** How many tests gave one answer in both. */
  same: number;
  differences: Difference[];
  /** Tests that call what only opa has, so that the WASM cannot say anything of them. */
  notRun: { test: string; file: string; row: number; reason: string }[];
}

const OUT = ".parity.tar.gz";
/** The SDK's words for a builtin that neither it nor the WASM has. */
const NOT_IMPLEMENTED = /^not implemented: built-in function \d+: (\S+)/;

/**
 * Evaluates the tests again in the runtime that decides in the gateway: each test is compiled as an entrypoint of one
 * WASM. `with` works there, also in place of builtins.
 *
 * @param data what opa was given as data.json.
 */
export async function parity(staged: Staged, opa: string, tests: readonly UnitTest[], data: unknown): Promise<Parity> {
  const run = tests.filter((one) => one.outcome !== "skipped");
  const found: Parity = { same: 0, differences: [], notRun: [] };
  if (run.length === 0) return found;
  const instance = await compile(staged, opa, run, data);
  for (const one of run) {
    const at = { test: one.id, file: one.file, row: one.row };
    const native = nativeAnswer(one);
    const { answer, missing } = wasmAnswer(instance, one);
    if (missing !== undefined) {
      found.notRun.push({ ...at, reason: `it calls ${missing}, which only opa itself has` });
    } else if (answer === native || (one.error !== undefined && answer.startsWith("threw"))) found.same += 1;
    else found.differences.push({ ...at, native, wasm: answer });
  }
  return found;
}

async function compile(
  staged: Staged,
  opa: string,
  tests: readonly UnitTest[],
  data: unknown,
): Promise<PolicyInstance> {
  const entrypoints = tests.flatMap((one) => ["-e", entrypoint(one)]);
  // Pruned, since opa would else make an entrypoint of whatever depends on one, functions included, which fails.
  const args = ["build", "-t", "wasm", "--prune-unused", ...entrypoints, "-o", OUT, "--ignore", ".*", "."];
  const result = await runOpa(opa, args, { cwd: staged.folder });
  if (result.code !== 0) {
    throw new CompileError(`the tests don't compile to WASM\n${staged.original(errorsOf(result))}`);
  }
  const files = await unpackBundle(await readFile(join(staged.folder, OUT)), "opa's bundle");
  const module = await WebAssembly.compile(new Uint8Array(files.get("policy.wasm") ?? []));
  return new PolicyInstance({ key: "tests", tests: true, module, data: jsonBuffer(JSON.stringify(data)) });
}

function entrypoint(one: UnitTest): string {
  return one.id.replaceAll(".", "/");
}

function nativeAnswer(one: UnitTest): string {
  if (one.error !== undefined) return `threw: ${one.error}`;
  if (one.cases === undefined) return one.outcome;
  return casesAnswer(Object.keys(one.cases).filter((name) => one.cases?.[name] === true));
}

function wasmAnswer(instance: PolicyInstance, one: UnitTest): { answer: string; missing?: string } {
  let result: unknown;
  try {
    result = instance.evaluate(undefined, entrypoint(one));
  } catch (error) {
    const message = errorMessage((error as { message?: unknown } | undefined)?.message ?? error);
    return { answer: `threw: ${message}`, missing: NOT_IMPLEMENTED.exec(message)?.[1] };
  }
  if (one.cases === undefined) return { answer: result === true ? "passed" : "failed" };
  const passing = Object.entries((result ?? {}) as Record<string, unknown>).filter(([, value]) => value === true);
  return { answer: casesAnswer(passing.map(([name]) => name)) };
}

function casesAnswer(passing: string[]): string {
  return passing.length === 0 ? "no case passed" : `passed for ${passing.sort().join(", ")}`;
}
