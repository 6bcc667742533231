import { readFile, writeFile } from "node:fs/promises";
import { UserError } from "../../base/errors.ts";
import { prepareSources } from "../../engine/bundle/compile.ts";
import { stageSources } from "../../engine/bundle/sources.ts";
import { ensureTool } from "../../tools/ensure.ts";
import type { Answer } from "../action.ts";
import { caseFolders, listCases } from "./cases/list-cases.ts";
import { rulesPage } from "./docs/rules-page.ts";
import { readInput } from "./read-input.ts";

export interface DocsOptions {
  /** The page to write; stdout where absent. */
  out?: string;
  /** Only say whether the page is up to date. */
  check?: boolean;
}

/** `sallyport policy docs`: a page of the rules; with `--check`, exit 1 where the page is not what would be written. */
export async function docs(folders: readonly string[], options: DocsOptions): Promise<Answer> {
  const { out, check = false } = options;
  if (check && out === undefined) {
    throw new UserError("--check needs the page to compare with", {
      exitCode: 2,
      next: "Name it: --out docs/rules.md",
    });
  }
  const opa = await ensureTool("opa");
  await using staged = await stageSources(folders);
  const rules = await prepareSources(staged, opa);
  const page = rulesPage(rules, await listCases(await caseFolders(folders)));
  const json = { rules: Object.keys(rules).length, ...(out === undefined ? { page } : { file: out }) };
  if (out === undefined) return { json, text: page };
  if (check) {
    const current = (await readInput(out, (file) => readFile(file, "utf8"))) === page;
    const text = current
      ? `${out} is up to date`
      : `${out} is not what the rules say: write it with --out, without --check`;
    return { json: { ...json, current }, text, exitCode: current ? 0 : 1 };
  }
  await writeFile(out, page);
  return { json, text: `${out}: ${json.rules} rules` };
}
