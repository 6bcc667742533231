/**
 * What .github/workflows/exceptions.yml of a policy-exceptions repository runs at a pull request, on any machine: checks
 * the exceptions that it changes, says what they would have let through, and writes that as Markdown.
 *
 *   node deploy/policy-exceptions/run.mjs --repository ../policy-exceptions                  all of its exceptions
 *   node deploy/policy-exceptions/run.mjs --repository . --base origin/main --out comment.md those that differ from main
 *
 *   --repository DIR   a checkout; here where absent
 *   --base REF         what it is compared with: only files that differ are checked, by this one's guardrails and people
 *   --recorded FILE    decisions that `sallyport policy backtest --export` wrote; recorded.ndjson where it is there
 *   --out FILE         where the Markdown goes; stdout where absent
 *   --summary FILE     also appended here ($GITHUB_STEP_SUMMARY)
 *
 * Exit 0: all is well; 1: check found something; 3: one of them could not run. What the backtest and the report find is
 * for people to judge.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { exitCode, run, section, write } from "../steps.mjs";

const { values } = parseArgs({
  options: {
    repository: { type: "string", default: "." },
    base: { type: "string" },
    recorded: { type: "string" },
    out: { type: "string" },
    summary: { type: "string" },
  },
});

const repository = resolve(values.repository);
const folder = join(repository, "exceptions");
const own = mkdtempSync(join(tmpdir(), "sallyport-exceptions-"));
process.on("exit", () => rmSync(own, { recursive: true, force: true }));

/** What a pull request says must not decide by what it is judged. @param {string[]} args */
function git(args) {
  return execFileSync("git", ["-C", repository, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A file as it is at the base, or undefined. @param {string} name */
function atBase(name) {
  if (values.base === undefined) return existsSync(join(repository, name)) ? join(repository, name) : undefined;
  if (git(["ls-tree", "--name-only", values.base, "--", name]).trim() === "") return undefined;
  const file = join(own, name);
  writeFileSync(file, git(["show", `${values.base}:${name}`]));
  return file;
}

/** Exceptions that the pull request adds or changes. What it deletes needs no check. @returns {string[]} */
function changed() {
  const yaml = /** @param {string} name */ (name) => name.endsWith(".yaml") || name.endsWith(".yml");
  if (values.base === undefined) {
    return existsSync(folder)
      ? readdirSync(folder)
          .filter(yaml)
          .sort()
          .map((name) => join(folder, name))
      : [];
  }
  const names = git(["diff", "--name-only", "-z", "--no-renames", "--diff-filter=AM", values.base, "--", "exceptions"]);
  return names
    .split("\0")
    .filter(yaml)
    .map((name) => join(repository, name));
}

/** @param {string} option @param {string | undefined} file */
const given = (option, file) => (file === undefined ? [] : [option, file]);

const files = changed();
const guardrails = given("--guardrails", atBase("guardrails.yaml"));
const people = given("--people", atBase("people.yaml"));
const usual = join(repository, "recorded.ndjson");
const recorded = values.recorded ?? (existsSync(usual) ? usual : undefined);

const parts = ["## Exceptions"];
const steps = [];
if (files.length === 0) parts.push("No exception is added or changed.");
else {
  const check = run("check", ["exceptions", "check", ...guardrails, ...people, ...files]);
  steps.push(check);
  parts.push(section(check, repository));
}
if (recorded === undefined) {
  parts.push("No backtest: the repository has no `recorded.ndjson` (`sallyport policy backtest --export`).");
} else if (steps.every(({ code }) => code === 0)) {
  // Everything on record counts: an export is as old as it is.
  const of = ["--input", resolve(recorded), "--since", "3650d", "--markdown"];
  const standing = files.filter((file) => !/\/[0-9a-f]{16}-[1-9][0-9]{0,5}\.yaml$/.test(file));
  if (standing.length > 0) judge("backtest", ["exceptions", "backtest", ...of, ...guardrails, ...standing]);
  if (existsSync(folder)) judge("report", ["exceptions", "report", ...of, folder]);
}

/** Its Markdown is escaped already. @param {string} title @param {string[]} args */
function judge(title, args) {
  const step = run(title, args);
  steps.push({ ...step, code: step.code > 1 ? step.code : 0 });
  parts.push(step.code > 1 ? section(step, repository) : step.text);
}

write(parts, values);
process.exitCode = exitCode(steps);
