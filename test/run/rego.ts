import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wasmCapabilities } from "../../engine/bundle/capabilities.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { run } from "../../tools/setup/run.mjs";
import { command } from "./command.ts";
import { type Outcome, single } from "./outcome.ts";

const RULES = "rego";
// As a file it is the schema of `input` in every rule; a directory would apply only to rules that name it.
const SCHEMA = "engine/schemas/input.json";

export async function opaFormat(): Promise<Outcome> {
  return command(await ensureTool("opa"), ["fmt", "--list", "--fail", RULES]);
}

export async function opaCheck(): Promise<Outcome> {
  return command(await ensureTool("opa"), ["check", "--strict", "--schema", SCHEMA, RULES]);
}

/** The rules, tests aside, with only the builtins that run in WASM: a rule that uses another would throw when it is reached. */
export async function opaCheckCapabilities(): Promise<Outcome> {
  const opa = await ensureTool("opa");
  const directory = await mkdtemp(join(tmpdir(), "sallyport-capabilities-"));
  try {
    const file = join(directory, "capabilities.json");
    await writeFile(file, JSON.stringify(await wasmCapabilities(opa)));
    const args = ["check", "--strict", "--schema", SCHEMA, "--capabilities", file, "--ignore", "*_test.rego", RULES];
    return await command(opa, args);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export async function regalLint(): Promise<Outcome> {
  return command(await ensureTool("regal"), ["lint", "--no-color", RULES]);
}

interface OpaTest {
  location: { file: string; row: number };
  package: string;
  name: string;
  fail?: boolean;
  skip?: boolean;
  error?: { message?: string };
}

export async function opaTest(): Promise<Outcome> {
  const { stdout, stderr } = await run(await ensureTool("opa"), [
    "test",
    "--format",
    "json",
    "--schema",
    SCHEMA,
    RULES,
  ]);
  let tests: OpaTest[];
  try {
    tests = JSON.parse(stdout) as OpaTest[];
  } catch {
    // Rules that don't compile are reported as text.
    return single(false, `${stdout}${stderr}`);
  }
  const id = (test: OpaTest): string => `${test.package}.${test.name}`;
  const failed = tests.filter((test) => test.fail === true || test.error !== undefined);
  const skipped = tests.filter((test) => test.skip === true);
  if (tests.length === 0) return single(false, `no test under ${RULES}/`);
  return {
    passed: tests.length - failed.length - skipped.length,
    failed: failed.length,
    skipped: skipped.map(id),
    known: tests.map(id),
    output: failed
      .map((test) => `${test.location.file}:${test.location.row}: ${id(test)} ${test.error?.message ?? "failed"}\n`)
      .join(""),
  };
}

interface Coverage {
  coverage: number;
  files: Record<string, { not_covered?: { start: { row: number }; end: { row: number } }[] }>;
}

/** Every line of every rule is reached by a test. */
export async function opaCoverage(): Promise<Outcome> {
  const args = ["test", "--coverage", "--exit-zero-on-skipped", "--format", "json", "--schema", SCHEMA, RULES];
  const { stdout, stderr } = await run(await ensureTool("opa"), args);
  let report: Coverage;
  try {
    report = JSON.parse(stdout) as Coverage;
  } catch {
    return single(false, `no coverage report: ${stdout}${stderr}`);
  }
  const uncovered = Object.entries(report.files).flatMap(([file, { not_covered = [] }]) =>
    not_covered.map((range) => `${file}:${range.start.row}-${range.end.row} is reached by no test\n`),
  );
  return single(report.coverage === 100, `coverage is ${report.coverage} %, not 100\n${uncovered.join("")}`);
}
