import { UserError } from "../../../base/errors.ts";
import { inspectRules } from "../../../engine/bundle/compile.ts";
import type { RuleIssue } from "../../../engine/bundle/metadata.ts";
import type { Staged } from "../../../engine/bundle/sources.ts";
import { located, type Problem } from "./problem.ts";

/** What is wrong with the rules' METADATA and documents; little where the sources don't parse, of which opa speaks. */
export async function metadataProblems(staged: Staged, opa: string): Promise<Problem[]> {
  let inspected: Awaited<ReturnType<typeof inspectRules>>;
  try {
    inspected = await inspectRules(staged, opa);
  } catch (error) {
    if (error instanceof UserError && error.exitCode === 1) return unreached(staged);
    throw error;
  }
  return [
    ...unreached(staged),
    ...inspected.metadata.map((issue) =>
      located(staged, issue.path, {
        check: "metadata",
        line: lineOf(staged, issue),
        message: issue.message,
        next: "docs/write-a-guardrail.md has every key of METADATA",
      }),
    ),
    ...inspected.documents.map((issue) =>
      located(staged, issue.path, {
        check: "rules",
        line: documentLine(staged, issue.path),
        message: issue.message,
        next: 'write `findings contains {"message": …, "fields": […]} if { … }`',
      }),
    ),
  ];
}

/** Packages that are no rule and that nothing refers to: one of a misspelt name would find nothing, and say so to nobody. */
function unreached(staged: Staged): Problem[] {
  const own = staged.files.filter(({ path }) => !path.endsWith("_test.rego"));
  const referred = new Set(
    own.flatMap(({ content }) => [...content.matchAll(/\bdata\.([\w.]+)/g)].map((one) => one[1])),
  );
  return own.flatMap(({ path, content }) => {
    const name = /^package\s+([\w.]+)/m.exec(content)?.[1] ?? "";
    if (name === "sallyport" || name.startsWith("sallyport.rules.")) return [];
    if ([...referred].some((one) => one === name || one?.startsWith(`${name}.`))) return [];
    return located(staged, path, {
      check: "rules",
      line: content.split("\n").findIndex((line) => line.startsWith("package ")) + 1,
      message: `nothing reaches the package ${name}: it is no rule, and no rule imports it`,
      next: "a rule's package is sallyport.rules.<category>.<rule>, in the folder <category>/<rule>",
    });
  });
}

/** The line of METADATA that has the key, else that of the package. */
function lineOf(staged: Staged, { path, key, packageRow }: RuleIssue): number {
  const lines = linesOf(staged, path);
  const end = packageRow ?? lines.findIndex((line) => line.startsWith("package ")) + 1;
  if (key !== undefined) {
    const at = lines.slice(0, end).findIndex((line) => new RegExp(`^#\\s+(- )?\\W*${String(key)}\\b.*:`).test(line));
    if (at >= 0) return at + 1;
  }
  return Math.max(end, 1);
}

function documentLine(staged: Staged, path: string): number {
  return Math.max(1, linesOf(staged, path).findIndex((line) => /^(findings|masks)\b/.test(line)) + 1);
}

function linesOf(staged: Staged, path: string): string[] {
  return staged.files.find((one) => one.path === path)?.content.split("\n") ?? [];
}
