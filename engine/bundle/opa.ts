import { execFile } from "node:child_process";
import { UserError } from "../../base/errors.ts";

export interface OpaResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs opa in a child process, so that compiling never stalls the data path. Resolves whatever the exit
 * code; throws a UserError (exit 3) where opa cannot be run or doesn't end in time.
 */
export function runOpa(
  opa: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number } = {},
): Promise<OpaResult> {
  const timeout = options.timeoutMs ?? 120_000;
  return new Promise((resolve, reject) => {
    execFile(
      opa,
      args,
      {
        cwd: options.cwd,
        // Its heap is small and short-lived: collecting it less halves the time of its tests.
        env: { GOGC: "400", ...process.env },
        timeout,
        killSignal: "SIGKILL",
        maxBuffer: 64 * 1024 * 1024,
        encoding: "utf8",
      },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
        else if (error.killed === true) {
          reject(new UserError(`opa ${args[0]} did not end within ${timeout / 1000} s`, { cause: error }));
        } else {
          reject(
            new UserError(`opa cannot be run from ${opa} (${error.code ?? error.message})`, {
              next: "Run `npm test` or `npm start` once: they install the pinned opa.",
              cause: error,
            }),
          );
        }
      },
    );
  });
}

/** opa's own words: some of its commands print errors on stdout. */
export function errorsOf(result: Pick<OpaResult, "stdout" | "stderr">): string {
  return `${result.stderr}\n${result.stdout}`.trim();
}
