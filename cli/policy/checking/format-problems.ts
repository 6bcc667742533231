import { writeFile } from "node:fs/promises";
import { runOpa } from "../../../engine/bundle/opa.ts";
import type { Staged } from "../../../engine/bundle/sources.ts";
import { located, type Problem } from "./problem.ts";

/** Files that are not as `opa fmt` writes them, at the first line that differs. */
export async function formatProblems(staged: Staged, opa: string): Promise<Problem[]> {
  const files = await unformatted(staged, opa);
  return Promise.all(
    files.map(async ({ path, content }) => {
      const is = content.split("\n");
      const should = (await formatted(staged, opa, path)).split("\n");
      const line = should.findIndex((one, i) => one !== is[i]) + 1;
      return located(staged, path, {
        check: "format",
        line: Math.max(1, Math.min(line, is.length)),
        message: "is not as `opa fmt` writes it, from here on",
        next: "`sallyport policy check --fix` rewrites it",
      });
    }),
  );
}

/** Rewrites the person's own files as `opa fmt` does; says which. */
export async function fixFormat(staged: Staged, opa: string): Promise<string[]> {
  const files = await unformatted(staged, opa);
  for (const { path, file } of files) await writeFile(file, await formatted(staged, opa, path));
  return files.map(({ file }) => file);
}

async function unformatted(staged: Staged, opa: string): Promise<Staged["files"]> {
  const { stdout } = await runOpa(opa, ["fmt", "--list", "."], { cwd: staged.folder });
  const names = new Set(stdout.split("\n").map((line) => line.replace(/^\.\//, "")));
  return staged.files.filter(({ path }) => names.has(path));
}

async function formatted(staged: Staged, opa: string, path: string): Promise<string> {
  const { stdout } = await runOpa(opa, ["fmt", path], { cwd: staged.folder });
  return stdout;
}
