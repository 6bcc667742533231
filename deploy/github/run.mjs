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
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** GitHub takes 65,536 characters in a comment. */
const COMMENT = 60_000;
const STEP = 16_000;

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

/**
 * One command of sallyport, with the Node that it pins.
 * @param {string} title @param {string[]} args
 */
function run(title, args) {
  const done = spawnSync("npm", ["run", "-s", "sallyport", "--", "policy", ...args], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const code = done.status ?? 3;
  process.stderr.write(`${code === 0 ? "ok    " : "FAILED"} ${title}\n`);
  return { title, code, text: `${done.stdout ?? ""}${code > 1 ? (done.stderr ?? done.error ?? "") : ""}`.trim() };
}

/** Text of others in Markdown: fenced by more backticks than it has itself. @param {string} text */
function fenced(text) {
  const short = text.length > STEP ? `${text.slice(0, STEP)}\n… and ${text.length - STEP} characters more` : text;
  const fence = "`".repeat(Math.max(3, ...[...short.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)));
  return `${fence}text\n${short.replaceAll(`${policy}/`, "")}\n${fence}`;
}

/** @param {{title: string, code: number, text: string}} step */
function section({ title, code, text }) {
  const said = code === 0 ? "in order" : code === 1 ? "<b>failed</b>" : "<b>could not run</b>";
  const details = `<details${code === 0 ? "" : " open"}><summary>${title}: ${said}</summary>`;
  return `${details}\n\n${fenced(text)}\n\n</details>`;
}

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
const whole = `${parts.join("\n\n")}\n`;
const markdown =
  whole.length > COMMENT ? `${whole.slice(0, COMMENT)}\n\n… cut: the summary of the job has all of it\n` : whole;
if (values.out === undefined) process.stdout.write(markdown);
else writeFileSync(values.out, markdown);
if (values.summary !== undefined && values.summary !== "") appendFileSync(values.summary, whole);
process.exitCode = steps.some(({ code }) => code > 1) ? 3 : steps.some(({ code }) => code === 1) ? 1 : 0;
