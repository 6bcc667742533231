import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runOpa } from "../../../engine/bundle/opa.ts";
import { listSources } from "../../../engine/bundle/sources.ts";
import type { Instrumented } from "./instrument.ts";

/**
 * Whether the Rego tests beside a rule notice a mutant of its body. Some facts no raw request can bring: what the API
 * server itself adds to an object.
 */
export async function noticedByRegoTest(
  folder: string,
  { files }: Instrumented,
  mutant: { rule: string; id: string },
  opa: string,
): Promise<boolean> {
  const staged = await mkdtemp(join(tmpdir(), "sallyport-rego-"));
  try {
    for (const { path, file } of await listSources([folder], { tests: true })) {
      const isTest = path.endsWith("_test.rego");
      const own = dirname(path) === mutant.rule;
      if (!path.startsWith("lib/") && !own) continue;
      const source = files.get(path) ?? (await readFile(file, "utf8"));
      const text = own && !isTest ? source.replaceAll(`input.mutation == "${mutant.id}"`, "true") : source;
      await mkdir(dirname(join(staged, path)), { recursive: true });
      await writeFile(join(staged, path), text);
    }
    const tests = `^data\\.sallyport\\.rules\\.${mutant.rule.replaceAll("-", "_").replaceAll("/", "\\.")}_test\\.`;
    const result = await runOpa(opa, ["test", "--run", tests, "."], { cwd: staged });
    // 2: a test failed. Anything else that is not 0 is a mutant that does not compile, and proves nothing.
    return result.code === 2;
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}
