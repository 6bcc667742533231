/**
 * What deploy/github/policy.yml runs at a pull request, on any machine: checks, tests and backtests a repository of
 * guardrails, and writes what it found as Markdown.
 *
 *   node deploy/github/run.mjs --policy ../policy                      rules in ../policy/ours
 *   node deploy/github/run.mjs --policy . --rules ours --rules more --out comment.md
 *
 *   --policy DIR       the repository; here where absent
 *   --rules DIR        its folders of rules (repeat), relative to it; `ours` where absent
 *   --guardrails FILE  relative to it; guardrails.yaml where it is there
 *   --recorded FILE    decisions that `sallyport policy backtest --export` wrote; recorded.ndjson where it is there
 *   --out FILE         where the Markdown goes; stdout where absent
 *   --summary FILE     also appended here ($GITHUB_STEP_SUMMARY)
 *
 * Exit 0: all is well; 1: check or test found something; 3: one of them could not run. What the backtest finds is for
 * people to judge.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { exitCode, run as runStep, section as sectionOf, write } from "../steps.mjs";

const { values } = parseArgs({
  options: {
    policy: { type: "string", default: "." },
    rules: { type: "string", multiple: true, default: ["ours"] },
    guardrails: { type: "string" },
    recorded: { type: "string" },
    out: { type: "string" },
    summary: { type: "string" },
  },
});

const policy = resolve(values.policy);
const rules = values.rules.map((folder) => resolve(policy, folder));
const guardrails = named(values.guardrails, "guardrails.yaml");
const recorded = named(values.recorded, "recorded.ndjson");

/** A file that was named, or one that is there by its usual name. @param {string | undefined} file @param {string} usual */
function named(file, usual) {
  if (file !== undefined) return resolve(policy, file);
  return existsSync(join(policy, usual)) ? join(policy, usual) : undefined;
}

/** @param {string} title @param {string[]} args */
const run = (title, args) => runStep(title, ["policy", ...args]);
/** @param {import("../steps.mjs").Step} step */
const section = (step) => sectionOf(step, policy);

// Rules that have no decision of their own stand on those that come with sallyport.
const withGuardrails = guardrails === undefined ? [] : ["--guardrails", guardrails];
const steps = [run("check", ["check", ...withGuardrails, ...rules]), run("test", ["test", ...rules])];
const parts = ["## Guardrails", ...steps.map(section)];
if (recorded === undefined) {
  parts.push("No backtest: the repository has no `recorded.ndjson` (`sallyport policy backtest --export`).");
} else {
  const named = rules.flatMap((folder) => ["--rules", folder]);
  const backtest = run("backtest", ["backtest", "--input", recorded, "--markdown", ...named, ...withGuardrails]);
  // Its Markdown is escaped already.
  parts.push(backtest.code > 1 ? section(backtest) : backtest.text);
  steps.push({ ...backtest, code: backtest.code > 1 ? backtest.code : 0 });
}
write(parts, values);
process.exitCode = exitCode(steps);
