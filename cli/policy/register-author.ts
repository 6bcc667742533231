import type { Command } from "commander";
import { UserError } from "../../base/errors.ts";
import { action } from "../action.ts";
import { collect } from "../collect.ts";
import { withProgress } from "../progress.ts";
import type { CheckOptions } from "./check.ts";
import type { DocsOptions } from "./docs.ts";
import { LIBRARY } from "./library.ts";

const folders = (named: string[]): string[] => (named.length === 0 ? [LIBRARY] : named);
const FOLDERS = "folders of rules, taken together; the rules that come with sallyport where none is named";

interface TestFlags {
  threshold: string;
  run?: string;
  watch?: boolean;
  cases: string[];
}

/** The commands of whoever writes rules: `policy check`, `test` and `docs`. */
export function registerAuthor(policy: Command): void {
  policy
    .command("check")
    .description("check rules for format, types, builtins that the gateway runs, METADATA and style")
    .argument("[folders...]", FOLDERS)
    .option("--guardrails <file>", "guardrails.yaml to check against these rules")
    .option("--fix", "rewrite files as `opa fmt` writes them")
    .action(
      action<CheckOptions>(async (named, options) => {
        const { check } = await import("./check.ts");
        return withProgress("checking rules", () => check(folders(named), options));
      }),
    );

  policy
    .command("test")
    .description(
      "run the rules' own tests, natively and in the WASM, and the cases of policy-tests/, with coverage by rule",
    )
    .argument("[folders...]", FOLDERS)
    .option("--threshold <percent>", "fail below this coverage", "0")
    .option("--run <name>", "only a rule (workload/host-path), or tests and cases with this in their name")
    .option("--cases <folder>", "in place of policy-tests/ in and beside the folders (repeat)", collect, [])
    .option("--watch", "run again what a change touches, until Ctrl-C")
    .action(
      action<TestFlags & { output: "text" | "json" }>(async (named, flags) => {
        const { run, watch, output } = flags;
        const threshold = percent(flags.threshold);
        const cases = flags.cases.length === 0 ? undefined : flags.cases;
        if (watch === true) {
          const { watchTests } = await import("./testing/watch.ts");
          return watchTests(folders(named), { threshold, run, cases, output });
        }
        const { test } = await import("./test.ts");
        return withProgress("testing rules", ({ update }) =>
          test(folders(named), { threshold, run, cases, onProgress: update }),
        );
      }),
    );

  policy
    .command("docs")
    .description("write a page of the rules from their METADATA and cases")
    .argument("[folders...]", FOLDERS)
    .option("--out <file>", "the page; stdout where absent")
    .option("--check", "only say whether the page is up to date")
    .action(
      action<DocsOptions>(async (named, options) => {
        const { docs } = await import("./docs.ts");
        return withProgress("reading rules", () => docs(folders(named), options));
      }),
    );
}

function percent(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 100) return value;
  throw new UserError(`--threshold ${text} is no percentage`, { exitCode: 2, next: "Give a number from 0 to 100." });
}
