import { UserError } from "../../../base/errors.ts";
import { errorsOf, runOpa } from "../../../engine/bundle/opa.ts";
import type { Staged } from "../../../engine/bundle/sources.ts";

/** One `test_…` rule and what opa's own evaluator made of it. */
export interface UnitTest {
  /** `sallyport.rules.workload.host_path_test.test_a_pod…`, without `data.`. */
  id: string;
  package: string;
  name: string;
  /** As the person knows it. */
  file: string;
  row: number;
  outcome: "passed" | "failed" | "skipped";
  /** Of a test of several cases (`test_x[name] if …`): whether each passed. */
  cases?: Record<string, boolean>;
  /** The evaluation's own error, where that is what failed it. */
  error?: string;
  /** What `print()` said. */
  printed?: string;
  /** opa's account of a failure: the expression that failed, and the values in it. */
  detail?: string;
}

/** More failures than this have one cause, and opa's trace of each takes time. */
const EXPLAINED = 20;

interface OpaTest {
  location: { file: string; row: number };
  package: string;
  name: string;
  fail?: boolean;
  skip?: boolean;
  error?: { message?: string; location?: { file: string; row: number } };
  /** Base64. */
  output?: string;
  sub_results?: Record<string, { fail?: boolean; sub_results?: unknown }>;
}

/** A policy that does not compile has no tests: this says what opa says of it, in the person's paths. */
export class CompileError extends UserError {
  constructor(message: string) {
    super(message, { exitCode: 1, next: "`sallyport policy check` says what to do about each." });
  }
}

/**
 * Runs `opa test` on staged sources. Throws a CompileError where they don't compile.
 *
 * @param pattern regular expression on the tests' ids, as opa's --run takes it; all where absent.
 */
export async function unitTests(staged: Staged, opa: string, pattern?: string): Promise<UnitTest[]> {
  const chosen = pattern === undefined ? [] : ["--run", pattern];
  const result = await runOpa(opa, ["test", "--format", "json", "--ignore", ".*", ...chosen, "."], {
    cwd: staged.folder,
  });
  let found: OpaTest[] | null;
  try {
    found = JSON.parse(result.stdout) as OpaTest[] | null;
  } catch {
    throw new CompileError(`the policy doesn't compile\n${staged.original(errorsOf(result))}`);
  }
  const tests = (found ?? []).map((one) => read(one, staged));
  await explain(tests, staged, opa);
  return tests.sort((a, b) => (a.file === b.file ? a.row - b.row : a.file < b.file ? -1 : 1));
}

function read(one: OpaTest, staged: Staged): UnitTest {
  const at = one.error?.location;
  const where = at === undefined ? "" : `${staged.original(at.file)}:${at.row}: `;
  const cases = Object.entries(one.sub_results ?? {}).map(([name, { fail }]) => [name, fail !== true]);
  return {
    id: `${one.package.replace(/^data\./, "")}.${one.name}`,
    package: one.package.replace(/^data\./, ""),
    name: one.name,
    file: staged.original(one.location.file),
    row: one.location.row,
    outcome: one.skip === true ? "skipped" : one.fail === true || one.error !== undefined ? "failed" : "passed",
    ...(cases.length === 0 ? {} : { cases: Object.fromEntries(cases) }),
    ...(one.error === undefined ? {} : { error: `${where}${one.error.message ?? "failed"}` }),
    ...(one.output === undefined ? {} : { printed: Buffer.from(one.output, "base64").toString("utf8") }),
  };
}

/** Runs what failed again, for the line that failed and the values in it: opa has these for people alone. */
async function explain(tests: UnitTest[], staged: Staged, opa: string): Promise<void> {
  const failed = tests.filter((one) => one.outcome === "failed" && one.error === undefined).slice(0, EXPLAINED);
  if (failed.length === 0) return;
  const pattern = `^data\\.(${failed.map((one) => one.id.replaceAll(".", "\\.")).join("|")})$`;
  const args = ["test", "--verbose", "--var-values", "--ignore", ".*", "--run", pattern, "."];
  const { stdout } = await runOpa(opa, args, { cwd: staged.folder });
  const parts = stdout.slice(stdout.indexOf("\nFAILURES\n")).split(/^data\.(\S+): FAIL.*$/m);
  for (let i = 1; i < parts.length; i += 2) {
    const one = failed.find(({ id }) => id === parts[i]);
    if (one !== undefined) one.detail = expression(parts[i + 1] ?? "", staged);
  }
}

/** Of opa's verbose account, the expression that failed: `file:row:` and what stands below it. */
function expression(text: string, staged: Staged): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => /^\s+\S+\.rego:\d+:$/.test(line));
  const end = lines.findIndex((line) => line.startsWith("-----"));
  const shown = start < 0 ? [] : lines.slice(start, end < 0 ? undefined : end);
  return staged.original(shown.join("\n").replaceAll("\t", "    ").trimEnd());
}
