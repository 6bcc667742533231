/**
 * What the workflows of deploy/ have in common: commands of sallyport, one after the other, and what they said as one
 * comment in Markdown.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** GitHub takes 65,536 characters in a comment. */
const COMMENT = 60_000;
const STEP = 16_000;

/** @typedef {{title: string, code: number, text: string}} Step */

/**
 * One command of sallyport, with the Node that it pins.
 * @param {string} title @param {string[]} args @returns {Step}
 */
export function run(title, args) {
  const done = spawnSync("npm", ["run", "-s", "sallyport", "--", ...args], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const code = done.status ?? 3;
  process.stderr.write(`${code === 0 ? "ok    " : "FAILED"} ${title}\n`);
  return { title, code, text: `${done.stdout ?? ""}${code > 1 ? (done.stderr ?? done.error ?? "") : ""}`.trim() };
}

/** Text of others in Markdown: fenced by more backticks than it has itself. @param {string} text @param {string} folder */
function fenced(text, folder) {
  const short = text.length > STEP ? `${text.slice(0, STEP)}\n… and ${text.length - STEP} characters more` : text;
  const fence = "`".repeat(Math.max(3, ...[...short.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)));
  return `${fence}text\n${short.replaceAll(`${folder}/`, "")}\n${fence}`;
}

/** @param {Step} step @param {string} folder whose path is not shown */
export function section({ title, code, text }, folder) {
  const said = code === 0 ? "in order" : code === 1 ? "<b>failed</b>" : "<b>could not run</b>";
  const details = `<details${code === 0 ? "" : " open"}><summary>${title}: ${said}</summary>`;
  return `${details}\n\n${fenced(text, folder)}\n\n</details>`;
}

/** Writes the comment. @param {string[]} parts @param {{out?: string | undefined, summary?: string | undefined}} to */
export function write(parts, { out, summary }) {
  const whole = `${parts.join("\n\n")}\n`;
  const cut = `${whole.slice(0, COMMENT)}\n\n… cut: the summary of the job has all of it\n`;
  const markdown = whole.length > COMMENT ? cut : whole;
  if (out === undefined) process.stdout.write(markdown);
  else writeFileSync(out, markdown);
  if (summary !== undefined && summary !== "") appendFileSync(summary, whole);
}

/** 3 where a step could not run, 1 where one found something. @param {Step[]} steps */
export function exitCode(steps) {
  return steps.some(({ code }) => code > 1) ? 3 : steps.some(({ code }) => code === 1) ? 1 : 0;
}
