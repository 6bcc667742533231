import { isIP } from "node:net";
import { readableEvents } from "../event-pages.ts";
import {
  exchangesOf,
  findingsOf,
  methodOf,
  objectIn,
  queryTextOf,
  questionOf,
  type RecordedExchange,
  textIn,
} from "./exchanges.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

/** OCSF's class API Activity, with its profile Security Control. */
export const OCSF_VERSION = "1.8.0";
const CATEGORY = { category_uid: 6, category_name: "Application Activity" };
const CLASS = { class_uid: 6003, class_name: "API Activity" };

/** OCSF events of the class API Activity, one a line: one for each request, with what policy said of it. */
export async function* writeOcsf(job: ExportJob): ExportBytes {
  for await (const exchange of exchangesOf(readableEvents(job))) {
    yield `${JSON.stringify(apiActivity(exchange, job.gateway))}\n`;
  }
}

/** One request as an event of API Activity. */
export function apiActivity(exchange: RecordedExchange, gateway: string): Record<string, unknown> {
  const { event, end, payload, startedAt, endedAt, duration } = exchange;
  const activity = activityOf(event.verb);
  const method = methodOf(exchange);
  return {
    ...CATEGORY,
    ...CLASS,
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: CLASS.class_uid * 100 + activity.id,
    type_name: `${CLASS.class_name}: ${activity.name}`,
    time: Math.floor(endedAt),
    start_time: Math.max(0, Math.floor(startedAt)),
    end_time: Math.floor(endedAt),
    duration: Math.round(duration),
    ...severityOf(exchange),
    ...statusOf(exchange),
    ...securityControl(exchange),
    metadata: {
      version: OCSF_VERSION,
      profiles: ["security_control"],
      product: { name: "Sallyport", vendor_name: "Sallyport", version: gateway.split("/")[1] ?? "" },
      log_name: "events",
      event_code: event.kind,
      uid: event.hash,
      sequence: Number(event.seq),
      correlation_uid: event.session_id,
      tenant_uid: event.tenant,
    },
    actor: actorOf(exchange),
    src_endpoint: isIP(event.source_ip) === 0 ? { name: "unknown" } : { ip: event.source_ip },
    api: apiOf(exchange),
    ...(event.resource === "" ? {} : { resources: [resourceOf(exchange)] }),
    http_request: {
      uid: event.exchange_id,
      ...(method === undefined ? {} : { http_method: method }),
      url: { path: event.path, ...queryString(exchange) },
      ...(event.user_agent === "" ? {} : { user_agent: event.user_agent }),
      body_length: exchange.requestBytes,
    },
    ...(end === "unknown"
      ? {}
      : { http_response: { code: Number(event.status), body_length: Number(event.response_bytes) } }),
    unmapped: {
      decision_id: textIn(payload.decisionId),
      revision: event.revision,
      approval_id: event.approval_id,
      break_glass: event.break_glass,
      masked_fields: event.masked_fields,
    },
  };
}

const ACTIVITIES: Readonly<Record<string, { id: number; name: string }>> = {
  create: { id: 1, name: "Create" },
  get: { id: 2, name: "Read" },
  list: { id: 2, name: "Read" },
  watch: { id: 2, name: "Read" },
  update: { id: 3, name: "Update" },
  patch: { id: 3, name: "Update" },
  delete: { id: 4, name: "Delete" },
  deletecollection: { id: 4, name: "Delete" },
};
const activityOf = (verb: string): { id: number; name: string } =>
  (Object.hasOwn(ACTIVITIES, verb) && ACTIVITIES[verb]) ||
  (verb === "" ? { id: 0, name: "Unknown" } : { id: 99, name: verb });

const SEVERITIES: Readonly<Record<string, number>> = { low: 2, medium: 3, high: 4, critical: 5 };
const SEVERITY_NAMES = ["Unknown", "Informational", "Low", "Medium", "High", "Critical"];

/** The gravest finding's. */
function severityOf(exchange: RecordedExchange): { severity_id: number; severity: string } {
  const id = Math.max(
    1,
    ...findingsOf(exchange).map(({ severity }) => (Object.hasOwn(SEVERITIES, severity) && SEVERITIES[severity]) || 1),
  );
  return { severity_id: id, severity: SEVERITY_NAMES[id] ?? "Unknown" };
}

function statusOf({ event, end, payload }: RecordedExchange): Record<string, unknown> {
  if (end === "unknown") return { status_id: 0, status: "Unknown", status_detail: "no end is on record" };
  const code = { status_code: String(event.status) };
  if (end === "answered" && Number(event.status) < 400) return { status_id: 1, status: "Success", ...code };
  const detail = textIn(payload.message);
  return { status_id: 2, status: "Failure", ...code, ...(detail === "" ? {} : { status_detail: detail }) };
}

/** What the gateway did with it, whatever the API server said afterwards. */
function securityControl(exchange: RecordedExchange): Record<string, unknown> {
  const { event, end } = exchange;
  const [finding] = findingsOf(exchange);
  const control =
    end === "refused"
      ? { action_id: 2, action: "Denied", disposition_id: 2, disposition: "Blocked" }
      : event.masked_fields.length > 0
        ? { action_id: 4, action: "Modified", disposition_id: 1, disposition: "Allowed" }
        : { action_id: 1, action: "Allowed", disposition_id: 1, disposition: "Allowed" };
  return {
    ...control,
    authorizations: findingsOf(exchange).map(({ rule, effect, message }) => ({
      decision: effect,
      policy: { uid: rule, name: rule, desc: message },
    })),
    ...(finding === undefined
      ? {}
      : { policy: { uid: finding.rule, name: finding.rule, desc: finding.message, version: event.revision } }),
  };
}

function actorOf({ event, payload }: RecordedExchange): Record<string, unknown> {
  const agent = textIn(objectIn(objectIn(payload.input).session).agent);
  return {
    session: { uid: event.session_id, ...(event.issuer === "" ? {} : { issuer: event.issuer }) },
    ...(agent === "" ? {} : { app_name: agent }),
    ...(event.username === ""
      ? {}
      : { user: { name: event.username, domain: event.issuer, groups: event.groups.map((name) => ({ name })) } }),
  };
}

function apiOf(exchange: RecordedExchange): Record<string, unknown> {
  const { event, end, payload } = exchange;
  const version = textIn(objectIn(questionOf(exchange).resource).version);
  const code = textIn(payload.code);
  return {
    operation: event.verb === "" ? "unknown" : event.verb,
    ...(version === "" ? {} : { version }),
    ...(event.resource === "" ? {} : { group: { name: event.api_group === "" ? "core" : event.api_group } }),
    service: { name: event.connection === "" ? "unknown" : event.connection },
    request: { uid: event.exchange_id },
    ...(end === "unknown" ? {} : { response: { code: Number(event.status), ...(code === "" ? {} : { error: code }) } }),
  };
}

function resourceOf({ event }: RecordedExchange): Record<string, unknown> {
  const type = event.subresource === "" ? event.resource : `${event.resource}/${event.subresource}`;
  return {
    type,
    // A list has no name, and OCSF wants one or a uid: its collection's then.
    name: event.name === "" ? event.resource : event.name,
    ...(event.namespace === "" ? {} : { namespace: event.namespace }),
  };
}

function queryString(exchange: RecordedExchange): { query_string?: string } {
  const query = queryTextOf(exchange);
  return query === "" ? {} : { query_string: query };
}
