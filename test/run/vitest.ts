import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type Outcome, single } from "./outcome.ts";

interface Report {
  testResults: {
    name: string;
    status: string;
    assertionResults: { ancestorTitles: string[]; title: string; status: string }[];
  }[];
}

/** Runs projects of vitest.config.ts, showing its own output as it comes. */
export async function vitest(...projects: ("unit" | "shared" | "e2e")[]): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-vitest-"));
  try {
    const file = join(directory, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const chosen = projects.flatMap((project) => ["--project", project]);
    const code = await passThrough("vitest", ["run", ...chosen, ...reporters]);
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) return single(false, `vitest ended with ${code} and without a report\n`);
    return read(JSON.parse(text) as Report, code);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Reads vitest's JSON report. @param code vitest's exit code: not 0 for errors outside of any test as well. */
export function read(report: Report, code: number | null): Outcome {
  const tests = report.testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({
      id: [relative(process.cwd(), file.name), ...test.ancestorTitles, test.title].join(" > "),
      status: test.status,
    })),
  );
  const failed = tests.filter((test) => test.status === "failed");
  const passed = tests.filter((test) => test.status === "passed");
  // A file that doesn't load, or whose beforeAll fails, has no failed test in it.
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const failures = failed.length + broken.length;
  const unexplained = code !== 0 && failures === 0 ? 1 : 0;
  const none = tests.length === 0 && failures + unexplained === 0 ? 1 : 0;
  return {
    passed: passed.length,
    failed: failures + unexplained + none,
    skipped: tests.filter((test) => test.status !== "failed" && test.status !== "passed").map((test) => test.id),
    known: tests.map((test) => test.id),
    output: none > 0 ? "no test was found\n" : unexplained > 0 ? `vitest ended with ${code}\n` : "",
  };
}

function passThrough(file: string, args: string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", resolve);
  });
}
