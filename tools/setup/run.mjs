import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";

/**
 * Runs a command to its end and keeps what it prints. Never throws for a command that fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number}} [options]
 * @returns {Promise<{code: number | null, stdout: string, stderr: string}>} code is null when it could not be started or timed out
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" }),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", (error) => resolve({ code: null, stdout, stderr: error.message }));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * Every executable file of that name on PATH, in order.
 *
 * @param {string} name
 * @returns {Promise<string[]>}
 */
export async function onPath(name) {
  const found = [];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder === "") continue;
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) found.push(file);
    } catch {
      // Not there, or not ours to run: look further.
    }
  }
  return found;
}

/**
 * The last lines of a command's output, for an error of one line.
 *
 * @param {string} text
 */
export function lastLines(text) {
  return text.trim().split("\n").slice(-3).join(" | ").slice(0, 600);
}
