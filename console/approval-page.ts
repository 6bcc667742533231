import { createHash } from "node:crypto";
import { visible } from "../approvals/text.ts";
import { changeLine, type FullView, type PublicView } from "./approval-view.ts";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em}" +
  "pre{background:#f4f4f4;padding:1em;overflow:auto;white-space:pre-wrap}dt{font-weight:bold}";

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

function decide(name: string): string {
  const commands = `sallyport approvals show ${name}\nsallyport approvals approve ${name}\nsallyport approvals deny ${name} --reason "…"`;
  return `<h2>To decide</h2><p>An approver looks at the change and decides with a login of their own:</p><pre>${html(commands).replaceAll("\\n", "\n")}</pre>`;
}

function details(view: FullView): string {
  const { summary, requester } = view;
  return [
    definitions([
      ["Who", `${requester.username}, session ${requester.session}`],
      ["Agent", summary.agent],
      ["Stated reason", summary.reason],
      ["What", `${summary.verb} ${summary.resource} ${summary.namespace}/${summary.name} on ${view.connection}`],
      ["Command", summary.command],
      ["Approved by", view.approvals.map(({ username }) => username).join(", ")],
      ["Denied by", view.denial === undefined ? "" : `${view.denial.username}: ${view.denial.reason}`],
    ]),
    `<h2>Why it is held</h2><ul>${view.findings.map(({ rule, message }) => `<li>${html(rule)}: ${html(message)}</li>`).join("")}</ul>`,
    `<h2>What changes</h2><pre>${view.changes.map(changeLine).map(html).join("\n")}</pre>`,
    `<h2>The file</h2><pre>${lines(view.file)}</pre>`,
  ].join("\n");
}

/** The page behind the URL of a 403. Without a token it shows no more than the state and the rules. */
export function approvalPage(view: PublicView | FullView): string {
  const body = [
    `<h1>Approval ${html(view.name)}</h1>`,
    `<p>${html(STATES[view.state])}</p>`,
    definitions([
      ["State", view.state],
      ["Held by", view.rules.join(", ")],
      ["Opened", view.openedAt],
      ["Not after", view.notAfter],
    ]),
    "file" in view ? details(view) : "<p>What would change is shown to who asked and to approvers only.</p>",
    view.state === "pending" ? decide(view.name) : "",
  ];
  return document(`Approval ${view.name}`, body.join("\n"));
}

export function errorPage(title: string, detail: string): string {
  return document(title, `<h1>${html(title)}</h1><p>${html(detail)}</p>`);
}

function document(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${html(title)} · Sallyport</title><style>${STYLE}</style></head>\n<body>${body}</body></html>\n`;
}
