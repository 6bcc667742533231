import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ConfigIssue } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import { errorsOf, runOpa } from "./opa.ts";
import type { Staged } from "./sources.ts";

/** The part of a rule's head that is read here, as opa's parser has it. */
interface Head {
  ref: { value: unknown }[];
  key?: unknown;
  value?: unknown;
}

const SOURCES = ".sources.json";
/** Heads by file; one process for all files, where `opa parse` would need one for each. */
const HEADS =
  "{path: heads | some path, text in input; module := rego.parse_module(path, text); heads := [r.head | some r in object.get(module, `rules`, [])]}";

/**
 * What is wrong with the documents of these rules. The decision counts the members of `findings` and `masks`; of a
 * boolean, an object or a text it would see nothing, and let through what the rule has found.
 */
export async function ruleDocumentIssues(staged: Staged, opa: string, ids: readonly string[]): Promise<ConfigIssue[]> {
  const rules = new Set(ids);
  const files = staged.files.filter(({ path }) => rules.has(dirname(path)) && !path.endsWith("_test.rego"));
  await writeFile(
    join(staged.folder, SOURCES),
    JSON.stringify(Object.fromEntries(files.map(({ path, content }) => [path, content]))),
  );
  const result = await runOpa(opa, ["eval", "--format", "raw", "--input", SOURCES, HEADS], { cwd: staged.folder });
  if (result.code !== 0) throw new UserError(`the policy doesn't parse\n${errorsOf(result)}`, { exitCode: 1 });
  const heads = JSON.parse(result.stdout) as Record<string, Head[]>;
  const issues: ConfigIssue[] = [];
  const finding = new Set<string>();
  for (const { path } of files) {
    for (const document of ["findings", "masks"]) {
      const own = (heads[path] ?? []).filter(({ ref }) => ref[0]?.value === document);
      if (own.some((head) => !addsToSet(head))) {
        issues.push({ path, message: `${document} is no set: each must be written \`${document} contains … if …\`` });
      } else if (own.length > 0 && document === "findings") finding.add(dirname(path));
    }
  }
  const named = new Set(issues.map(({ path }) => dirname(path)));
  for (const id of ids.filter((one) => !finding.has(one) && !named.has(one))) {
    const path = files.find((file) => dirname(file.path) === id)?.path ?? id;
    issues.push({ path, message: "has no `findings contains … if …`, and would never find anything" });
  }
  return issues;
}

function addsToSet({ ref, key, value }: Head): boolean {
  return ref.length === 1 && key !== undefined && value === undefined;
}
