import { parseLossless } from "../../base/lossless-json.ts";
import { readableEvents } from "../event-pages.ts";
import { asJsonObject, contentOf } from "./contents.ts";
import { exchangesOf, findingsOf, microTime, objectIn, type RecordedExchange, textIn } from "./exchanges.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

/** What `sallyport/decision` was asked and said, where OPA's own log would name the rule's path. */
const DECISION_PATH = "sallyport/decision";
/** Parts of the input that are kept as recorded contents, and only where the level of recording keeps those. */
const OBJECTS = ["object", "oldObject", "podSpecs", "roleRules"];

/**
 * OPA decision log events, one a line (open-policy-agent/opa v1/plugins/logs EventV1). What is not on record is named
 * in `erased`, as OPA names what its own mask policy took out.
 */
export async function* writeOpaDecisions(job: ExportJob): ExportBytes {
  for await (const exchange of exchangesOf(readableEvents(job))) {
    if (textIn(exchange.payload.decisionId) === "") continue; // turned away before policy was asked
    yield `${JSON.stringify(await decision(exchange, job))}\n`;
  }
}

async function decision(exchange: RecordedExchange, job: ExportJob): Promise<Record<string, unknown>> {
  const { event, payload, end } = exchange;
  const [bundle = "", guardrails = ""] = event.revision.split("/");
  const input = objectIn(payload.input);
  const facts = await factsOf(textIn(payload.facts), job);
  const known = { ...input, ...facts };
  const erased = OBJECTS.filter((name) => !Object.hasOwn(known, name)).map((name) => `/input/${name}`);
  return {
    labels: { app: "sallyport", id: event.writer, tenant: event.tenant, version: job.gateway.split("/")[1] ?? "" },
    decision_id: textIn(payload.decisionId),
    bundles: { sallyport: { revision: bundle }, guardrails: { revision: guardrails } },
    path: DECISION_PATH,
    ...(Object.keys(known).length === 0 ? {} : { input: known }),
    result: {
      effect: effectOf(exchange),
      findings: Array.isArray(payload.findings) ? payload.findings : [],
      record: event.record_level,
    },
    erased: [...(Object.keys(known).length === 0 ? ["/input"] : erased), "/result/approval", "/result/mask"],
    ...(event.source_ip === "" ? {} : { requested_by: event.source_ip }),
    timestamp: microTime(event.at),
    custom: {
      session: event.session_id,
      exchange: event.exchange_id,
      connection: event.connection,
      outcome: end,
      status: event.status,
      ...(event.approval_id === "" ? {} : { approval: event.approval_id }),
    },
  };
}

/** The decision's own effect: what a hold came to in the end stands in the event. */
function effectOf(exchange: RecordedExchange): string {
  const effects = new Set(findingsOf(exchange).map(({ effect }) => effect));
  if (effects.has("deny")) return "deny";
  if (effects.has("hold")) return "hold";
  return exchange.end === "refused" && effects.size === 0 ? exchange.event.effect : "allow";
}

async function factsOf(sha256: string, job: ExportJob): Promise<Record<string, unknown>> {
  if (sha256 === "") return {};
  const content = await contentOf(job, sha256);
  const text = content.kept ? asJsonObject(content.bytes) : undefined;
  if (text === undefined) return {};
  const facts = objectIn(parseLossless(text));
  return Object.fromEntries(Object.entries(facts).filter(([name]) => OBJECTS.includes(name)));
}
