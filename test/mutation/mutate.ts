import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/setup/run.mjs";
import type { Mutation } from "./mutations.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * What came of a change of the code: `red` is what it should be. `green` means that the test does not see the
 * change; `broken` that no test ran at all (the change does not parse, the title is none), which proves nothing.
 */
export type Verdict = "red" | "green" | "broken";

/** A copy of the tree to break: never the checkout itself, which a kill would leave broken. */
export interface Copy {
  judge(mutation: Mutation): Promise<Verdict>;
  remove(): void;
}

export async function copyTree(): Promise<Copy> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-mutation-"));
  const { stdout } = await run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: ROOT });
  const files = stdout.split("\0").filter((file) => file !== "" && existsSync(join(ROOT, file)));
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return {
    judge: (mutation) => judge(folder, mutation),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function judge(folder: string, mutation: Mutation): Promise<Verdict> {
  const file = join(folder, mutation.file);
  const text = readFileSync(file, "utf8");
  writeFileSync(file, change(text, mutation));
  try {
    return await runTest(folder, mutation);
  } finally {
    writeFileSync(file, text);
  }
}

/** The changed text. Throws where what is to be changed does not stand in it exactly once. */
export function change(text: string, { file, find, replace }: Mutation): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

interface Report {
  testResults: { assertionResults: { status: string; failureMessages: string[] }[] }[];
}

function runTest(folder: string, { test }: Mutation): Promise<Verdict> {
  const pattern = test.title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const vitest = join(folder, "node_modules", "vitest", "vitest.mjs");
  const report = join(folder, "report.json");
  const args = [vitest, "run", test.file, "-t", pattern, "--reporter=json"];
  rmSync(report, { force: true });
  const child = spawn(process.execPath, [...args, `--outputFile=${report}`], { cwd: folder, stdio: "ignore" });
  return new Promise((resolve) => {
    child.once("close", () => resolve(verdictOf(report)));
  });
}

function verdictOf(file: string): Verdict {
  if (!existsSync(file)) return "broken";
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  const ran = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  // A file that does not load, or a set-up that fails, fails no assertion of a test.
  if (ran.some(({ status, failureMessages }) => status === "failed" && failureMessages.length > 0)) return "red";
  return ran.some(({ status }) => status === "passed") ? "green" : "broken";
}
