import { createHash } from "node:crypto";
import { factsOf } from "../approvals/pull-request/facts.ts";
import { yamlDiff } from "../approvals/pull-request/yaml-diff.ts";
import { visible } from "../approvals/text.ts";
import type { FullView, PublicView } from "./approval-view.ts";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em}" +
  "pre{background:#f4f4f4;padding:1em;overflow:auto;white-space:pre-wrap}dt{font-weight:bold}" +
  "ins{background:#dafbe1;text-decoration:none}del{background:#ffebe9;text-decoration:none}";

/** No script, no image, no form, no frame: the page can only be read. */
export const PAGE_CSP = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text as HTML text, with what cannot be seen shown as escapes. */
export function html(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

function lines(text: string): string {
  return text.split("\n").map(html).join("\n");
}

function definitions(pairs: [string, string][]): string {
  const shown = pairs.filter(([, value]) => value !== "");
  return `<dl>${shown.map(([name, value]) => `<dt>${html(name)}</dt><dd>${html(value)}</dd>`).join("")}</dl>`;
}

const STATES: Record<PublicView["state"], string> = {
  pending: "This request waits for a decision.",
  approved: "This request was approved. Run the same command again.",
  consumed: "This request was approved, and has been made.",
  denied: "This request was denied.",
  expired: "This request expired.",
  cancelled: "This request was withdrawn.",
  revoked: "The approval of this request was taken back.",
};

/** How it is decided: in its pull request, else at a terminal. `all`: whoever reads may know where that is. */
function decide(view: PublicView | FullView): string {
  const { name, state } = view;
  const full = "file" in view ? view : undefined;
  const reviewed = full?.breakGlass !== undefined && full.breakGlass.review === undefined;
  if (state !== "pending" && !reviewed) return state === "approved" || state === "consumed" ? takeBack(name) : "";
  const link = full?.pullRequest === undefined ? undefined : webLink(full.pullRequest.url);
  if (link !== undefined) return `<h2>To decide</h2><p>Review and merge, or close, the pull request: ${link}</p>`;
  const commands = [`show ${name}`, `approve ${name}`, `deny ${name} --reason "…"`];
  const what = reviewed
    ? "A second person accepts what was done, or does not:"
    : "An approver looks at the change and decides with a login of their own:";
  return `<h2>To decide</h2><p>${what}</p>${terminal(commands)}`;
}

function takeBack(name: string): string {
  return `<h2>To take it back</h2><p>What was not used is no more, and what stands on it ends:</p>${terminal([`revoke ${name} --reason "…"`])}`;
}

function terminal(commands: string[]): string {
  return `<pre>${commands.map((command) => html(`sallyport approvals ${command}`)).join("\n")}</pre>`;
}

/** A link to a page on the web; what is another URL is text. */
function webLink(url: string): string {
  const shown = html(url);
  return /^https?:\/\//i.test(url) ? `<a href="${shown}" rel="noreferrer noopener">${shown}</a>` : shown;
}

function glass({ breakGlass }: FullView): string {
  if (breakGlass === undefined) return "";
  const { by, reviewBy, review } = breakGlass;
  const said =
    review === undefined
      ? `To be reviewed by a second person until ${reviewBy}.`
      : `${review.verdict} by ${review.username} at ${review.at}: ${review.reason}`;
  return `<h2>Break-glass</h2>${definitions([
    ["Let through by", `${by.username} at ${by.at}: ${by.reason}`],
    ["Review", said],
  ])}`;
}

/** Rows of a diff: each is one line, with nothing in it that hides. */
function diff({ changes, summary }: Pick<FullView, "changes" | "summary">): string {
  if (changes.length === 0) return "<p>Nothing that is stored.</p>";
  const elements: Record<string, string> = { "+": "ins", "-": "del" };
  const rows = yamlDiff(changes)
    .split("\n")
    .map((row) => {
      const element = elements[row.slice(0, 1)];
      return element === undefined ? html(row) : `<${element}>${html(row)}</${element}>`;
    });
  const said = summary.verb === "tool" ? "+ is what the tool is given" : "- is stored now, + is what would be";
  return `<p>${said}. Values that are masked stay masked.</p><pre>${rows.join("\n")}</pre>`;
}

function finding(
  { rule, title, message, severity, remediation, absolute }: FullView["findings"][number],
  docsUrl?: string,
): string {
  const name =
    docsUrl === undefined
      ? html(rule)
      : `<a href="${html(`${docsUrl}#${rule.replaceAll("/", "")}`)}" rel="noreferrer noopener">${html(rule)}</a>`;
  const more = [
    ...(remediation === undefined ? [] : [`Instead: ${remediation}`]),
    ...(absolute === true ? ["Absolute: break-glass does not lift it."] : []),
  ];
  const head = `${name}${title === undefined ? "" : `, ${html(title)}`} (${html(severity)}): ${html(message)}`;
  return `<li>${head}${more.map((line) => `<br>${html(line)}`).join("")}</li>`;
}

function details(view: FullView, docsUrl?: string): string {
  const { ended, denial } = view;
  return [
    ...(view.blastRadius === undefined ? [] : [`<p>It ${html(view.blastRadius)}.</p>`]),
    definitions([
      ...factsOf(view),
      ["Approvers", view.requirements.map((r) => `${r.required} of ${r.approvers.join(", ")}`).join("; and ")],
      ["Approved by", view.approvals.map(({ username }) => username).join(", ")],
      ["Denied by", denial === undefined ? "" : `${denial.username}: ${denial.reason}`],
      ["Ended by", ended === undefined ? "" : `${ended.by === "" ? "the gateway" : ended.by}: ${ended.reason}`],
      ["Decided together with", (view.batch ?? []).filter((name) => name !== view.name).join(", ")],
      ["Used by exchange", view.uses.map(({ exchangeId }) => exchangeId).join(", ")],
    ]),
    glass(view),
    `<h2>Why it is held</h2><ul>${view.findings.map((one) => finding(one, docsUrl)).join("")}</ul>`,
    `<h2>What changes</h2>${diff(view)}`,
    `<h2>The file</h2><pre>${lines(view.file)}</pre>`,
  ].join("\n");
}

/** The page behind the URL of a 403. Without a token it shows no more than the state and the rules. */
export function approvalPage(view: PublicView | FullView, docsUrl?: string): string {
  const full = "file" in view ? view : undefined;
  const body = [
    `<h1>Approval ${html(view.name)}</h1>`,
    `<p>${html(STATES[view.state])}</p>`,
    definitions([
      ["State", view.state],
      ["Held by", view.rules.join(", ")],
      ["Opened", view.openedAt],
      ...(full === undefined ? [["Not after", view.notAfter] as [string, string]] : []),
    ]),
    full === undefined
      ? "<p>What would change is shown to who asked and to approvers only.</p>"
      : details(full, docsUrl),
    decide(view),
  ];
  return document(`Approval ${view.name}`, body.join("\n"));
}

export function errorPage(title: string, detail: string): string {
  return document(title, `<h1>${html(title)}</h1><p>${html(detail)}</p>`);
}

function document(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${html(title)} · Sallyport</title><style>${STYLE}</style></head>\n<body>${body}</body></html>\n`;
}
