import { rfc3339 } from "../../base/clock.ts";
import { inert } from "../pull-request/safe-text.ts";
import { visible } from "../text.ts";
import type { NotificationEvent } from "./event.ts";

/** The body of a generic webhook: `type`, `timestamp` and `data`, as Standard Webhooks has it. */
export function webhookBody(event: NotificationEvent): string {
  const { type, at, ...data } = event;
  return JSON.stringify({ type, timestamp: rfc3339(at), data });
}

/** The body of an incoming webhook of Slack's, and of those who take the same: one line of text with a link in it. */
export function slackBody(event: NotificationEvent): string {
  return JSON.stringify({ text: slackText(event), unfurl_links: false, unfurl_media: false });
}

const WORDS: Record<Exclude<NotificationEvent["type"], "approvals.frozen">, string> = {
  "approval.held": "Held for approval",
  "approval.approved": "Approved",
  "approval.denied": "Denied",
  "approval.expiring": "Expires soon, undecided",
  "break_glass.used": "Break-glass was used",
  "break_glass.review_overdue": "The review of a break-glass is overdue",
};

function slackText(event: NotificationEvent): string {
  if (event.type === "approvals.frozen") {
    return `*History was rewritten*: the approvals repository went from ${code(event.from)} to ${code(event.to)}. Nothing new counts until a person resets it. ${code(event.why)}`;
  }
  const { approval, by, reason, reviewBy } = event;
  const { what, requester, rules, blastRadius, notAfter, url, pullRequest } = approval;
  const until = event.type === "approval.held" || event.type === "approval.expiring" ? `, not after ${notAfter}` : "";
  const parts = [
    `*${WORDS[event.type]}*: ${code(what)}, asked by ${code(requester)}, held by ${rules.map(code).join(", ")}${until}.`,
    ...(blastRadius === undefined ? [] : [`It ${code(blastRadius)}.`]),
    ...(by === undefined || by === "" ? [] : [`By ${code(by)}${reason ? `: ${code(reason)}` : ""}.`]),
    ...(reviewBy === undefined ? [] : [`Review it by ${reviewBy}.`]),
    link(pullRequest ?? url, pullRequest === undefined ? "Look at it" : "Look at the pull request"),
  ];
  return parts.join(" ");
}

/** https://docs.slack.dev/messaging/formatting-message-text: &, < and > are the control characters. */
function entities(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Not even a mention for those that take Slack's form and have a grammar of their own (`@channel`, `@here`). */
function code(text: string): string {
  return `\`${entities(inert(visible(text)).replaceAll("`", "'"))}\``;
}

function link(url: string, label: string): string {
  return `<${entities(url).replaceAll("|", "%7C")}|${label}>`;
}
