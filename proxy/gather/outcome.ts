import { isBuiltInGroup } from "../../base/built-in-groups.ts";
import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import type { RequestAttributes } from "../../kubernetes/types.ts";
import { maskerOf } from "../answer/unmaskable-write.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead } from "../exchange.ts";
import { ask } from "./ask.ts";

/** Subresources whose answer to a dry run is the object itself; a token's is a live token. */
const SUBRESOURCES = new Set(["", "status", "scale", "ephemeralcontainers", "resize", "approval", "finalize"]);

/** Why the dry run of such a request never tells its outcome, or undefined. */
export function noDryRun({ verb, group, resource, subResource }: RequestAttributes): string | undefined {
  if (verb !== "create" && verb !== "update" && verb !== "patch") return `a ${verb} has no dry run that is safe`;
  // A binding of the collection is pods/binding by another path, and answers a Status as well.
  const part = group === "" && resource === "bindings" ? resource : subResource;
  return SUBRESOURCES.has(part) ? undefined : `the dry run of ${part} does not answer with the object`;
}

/** Policy needs the outcome, and it cannot be had: nothing is judged by a guess. */
export function outcomeUnknown(why: string, decisionId: string): Refusal {
  return new Refusal("outcome-unknown", `policy needs to know what this request would do, and ${why}`, {
    decisionId,
    causes: [{ rule: "request/outcome-unknown", message: why }],
  });
}

/** Why the outcome of this request must not be asked for, or undefined (design §2, "Where outcome may be used"). */
export async function outcomeForbidden(exchange: BodyRead, deps: Deps): Promise<string | undefined> {
  const { group, version } = exchange.attributes;
  const never = noDryRun(exchange.attributes);
  if (never !== undefined) return never;
  // Any other is asked for, since an aggregated API may ignore dryRun.
  if (isBuiltInGroup(group)) return undefined;
  const local = await exchange.connection.reader.read(`apiservice/${version}.${group}`, 30_000, async () => {
    const target = `/apis/apiregistration.k8s.io/v1/apiservices/${encodeURIComponent(`${version}.${group}`)}`;
    const { status, json } = await ask(exchange, { purpose: "apiService", method: "GET", target, as: "gateway" }, deps);
    if (status === 404) return true;
    return status === 200 && ((json.spec as KubernetesObject | undefined)?.service ?? null) === null;
  });
  return local ? undefined : `the group ${group} is served by an aggregated API, which may ignore dryRun`;
}

/** The API server's own refusal of the same request: passed back to the caller, and no human is asked. */
export class UpstreamSaysNo extends Refusal {
  readonly answer: KubernetesObject;
  constructor(status: number, answer: KubernetesObject) {
    super("forbidden", typeof answer.message === "string" ? answer.message : `the API server answered ${status}`);
    this.answer = answer;
    Object.defineProperty(this, "status", { value: status });
  }
}

/**
 * The API server's sentence on a webhook, at the front of its message (webhook/errors/statuserror.go). Anchored and
 * bounded: the rest of a message may quote a megabyte of the caller's.
 */
const BY_WEBHOOK = /^.{0,200}?admission webhook "[^"]{1,300}" (denied the request|does not support dry run)/;

function messageOf({ message }: KubernetesObject): string {
  return typeof message === "string" ? message : "";
}

/** What would be stored: the same request with dryRun=All, as the caller. */
export async function outcome(exchange: BodyRead, deps: Deps): Promise<KubernetesObject> {
  const forbidden = await outcomeForbidden(exchange, deps);
  if (forbidden !== undefined) throw outcomeUnknown(forbidden, exchange.verdict.decisionId);
  const { body, req, attributes } = exchange;
  const question = {
    purpose: "outcome",
    method: req.method ?? "POST",
    target: withDryRun(attributes.target),
    as: "caller" as const,
    ...(body === null ? {} : { body: { bytes: body.forwardBytes, contentType: body.forwardContentType } }),
  };
  const { status, json } = await ask(exchange, question, deps);
  if (status < 300) return json;
  const byWebhook = BY_WEBHOOK.test(messageOf(json));
  // What the refusal says may quote what is stored, and it goes back to the caller and on record.
  maskerOf(exchange, exchange.verdict, deps)?.maskAnswer(json);
  const message = messageOf(json);
  if (byWebhook) {
    throw new Refusal(
      "outcome-unknown",
      `policy needs to know what this request would do, and the dry run was refused: ${message}`,
      {
        decisionId: exchange.verdict.decisionId,
        causes: [{ rule: "request/outcome-unknown", message }],
      },
    );
  }
  throw new UpstreamSaysNo(status, json);
}

function withDryRun(target: string): string {
  // A query may hold question marks of its own.
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const kept = query.split("&").filter((pair) => pair !== "" && !/^dryRun(=|$)/i.test(pair));
  return `${path}?${[...kept, "dryRun=All"].join("&")}`;
}
