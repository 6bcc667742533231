import { readableEvents } from "../../event-pages.ts";
import { getSession } from "../../queries.ts";
import { replay } from "../../replay.ts";
import type { ExportBytes, ExportJob } from "../formats.ts";
import type { PackCount } from "./count.ts";
import { escaped, html, type Markup, table } from "./html.ts";
import { approvalsOf, operationsOf, outcomesOf, type ReportedOutcome, sessionsOf, UNACCOUNTED } from "./rows.ts";
import { capped, whole } from "./whole.ts";

/** Lines of the story of a session that a person is shown. */
const MOST_LINES = 20_000;

// No script runs in it, nothing is loaded and nothing is sent (CSP 3): it is read on an auditor's machine.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE =
  "body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}" +
  "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;" +
  "vertical-align:top;overflow-wrap:anywhere}th{background:#f0f0f0}pre{white-space:pre-wrap;overflow-wrap:anywhere}" +
  ".warning{border-left:.3rem solid #b00020;padding:.2rem .8rem;background:#fdecef}";

/** `report.html` of a pack: what is in it, for a person. All text from outside is escaped. */
export async function* writeReport(job: ExportJob, count: PackCount): ExportBytes {
  const { store, tenant, scope } = job;
  yield head(job).text;
  yield (await whose(job)).text;
  yield whole(job, count).text;
  const outcomes = await outcomesOf(store, tenant, scope);
  const operations = await operationsOf(store, tenant, scope);
  yield html`<h2>Privileged operations</h2>
${accounted(outcomes)}${table(
  ["Outcome", "Operations"],
  outcomes.map(({ outcome, operations }) => [outcome, operations]),
)}
${capped(operations.length)}${table(
  ["Time (UTC)", "Who", "What", "Rules", "Outcome", "Approved by", "Why"],
  operations.map((one) => [
    one.at.slice(0, 19),
    one.username,
    operation(one),
    one.rules.join(", "),
    one.outcome,
    one.approvers.join(", "),
    one.reason,
  ]),
)}`.text;
  const approvals = await approvalsOf(store, tenant, scope);
  yield html`<h2>Approvals</h2>
${capped(approvals.length)}${table(
  ["Asked (UTC)", "Approval", "Who asked", "State", "Decided by", "Why", "Pull request"],
  approvals.map((one) => [
    one.opened_at.slice(0, 19),
    one.approval_id,
    one.username,
    one.break_glass ? `${one.state}, break-glass` : one.state,
    one.approvers.join(", "),
    one.reason,
    one.url,
  ]),
)}`.text;
  if (scope.session !== undefined) yield* story(job);
  yield "</body></html>\n";
}

function head({ tenant, scope, now, gateway }: ExportJob): Markup {
  const what = scope.session === undefined ? periodText(scope.since, scope.until) : `session ${scope.session}`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width"><title>Evidence: ${what}</title><style>${STYLE}</style></head><body>
<h1>Evidence: ${what}</h1>
<p>Of tenant ${tenant}, made ${new Date(now).toISOString()} by ${gateway}. This page is for reading: what counts are the
events beside it, and what proves them is <code>sallyport audit verify</code> with the public checkpoint key, which needs
neither the gateway nor its database.</p>
`;
}

function periodText(since: number | undefined, until: number | undefined): string {
  const iso = (ms: number | undefined, absent: string): string =>
    ms === undefined ? absent : new Date(ms).toISOString();
  return `${iso(since, "the beginning")} to ${iso(until, "now")}`;
}

async function whose({ store, tenant, scope }: ExportJob): Promise<Markup> {
  if (scope.session === undefined) {
    const sessions = await sessionsOf(store, tenant, scope);
    return html`<h2>Sessions</h2>
${capped(sessions.length)}${table(
  ["Session", "Started (UTC)", "Who", "Agent", "Requests", "Refused", "Held", "Masked", "Break-glass", "State"],
  sessions.map((one) => [
    one.session_id,
    one.started_at.slice(0, 19),
    one.username,
    one.agent,
    one.requests,
    one.refused,
    one.held,
    one.masked,
    one.break_glass,
    one.has_gaps ? `${one.state}, with gaps` : one.state,
  ]),
)}`;
  }
  const session = await getSession(store, tenant, scope.session);
  if (session === undefined) return html`<p>There is no such session on record.</p>`;
  return table(
    ["Session", session.session_id],
    [
      ["Who", `${session.username} (${session.issuer})`],
      ["Agent", session.agent],
      ["Reason", session.reason],
      ["From", `${session.started_at.slice(0, 19)} UTC`],
      ["To", `${session.last_at.slice(0, 19)} UTC`],
      ["State", session.state],
      ["Connections", session.connections.join(", ")],
      ["Requests", `${session.requests}: refused ${session.refused}, held ${session.held}, masked ${session.masked}`],
      ["Break-glass", session.break_glass],
    ],
  );
}

/** The answer to what an auditor asks first. */
function accounted(outcomes: readonly ReportedOutcome[]): Markup {
  const sum = (of: readonly ReportedOutcome[]): number => of.reduce((all, one) => all + Number(one.operations), 0);
  const open = sum(outcomes.filter(({ outcome }) => UNACCOUNTED.has(outcome)));
  if (open === 0) return html`<p>${sum(outcomes)} privileged operations, each of them accounted for.</p>`;
  return html`<p class="warning">${sum(outcomes)} privileged operations, ${open} of them not accounted for: no rule named
them (unguarded), or no end is on record (unknown).</p>`;
}

function operation(one: {
  verb: string;
  api_group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  connection: string;
}): string {
  const resource = `${one.resource}${one.api_group && `.${one.api_group}`}${one.subresource && `/${one.subresource}`}`;
  const object = [one.namespace, one.name].filter((part) => part !== "").join("/");
  return [one.verb, resource, object, one.connection && `on ${one.connection}`].filter((part) => part !== "").join(" ");
}

async function* story(job: ExportJob): ExportBytes {
  yield "<h2>What happened</h2>\n<pre>";
  let lines = 0;
  for await (const { text } of replay(readableEvents(job))) {
    if (++lines > MOST_LINES) {
      yield `</pre><p class="warning">Only the first ${MOST_LINES} lines are shown here.</p>`;
      return;
    }
    yield `${escaped(text)}\n`;
  }
  yield "</pre>\n";
}
