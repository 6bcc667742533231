import { uuid7 } from "../../base/uuid7.ts";
import { createPolicy } from "../../engine/policy.ts";
import type { RecordedRow } from "../../proxy/backtest/recorded.ts";
import { explain } from "../../proxy/explain/explain.ts";
import { inputText } from "../../proxy/record-input.ts";
import { guardrails, libraryBundle } from "../engine/support.ts";

/** A row as the store has it, of a request that was judged by `profiles`; `exception` lifted all that was found. */
export async function rowOf(
  request: { method: string; path: string; body?: object; user?: string; groups?: string[] },
  { profiles = ["baseline"], objects = true, input = true, at = "2026-11-22 10:00:00.000001", exception = "" } = {},
): Promise<RecordedRow> {
  const policy = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails({ profiles }) });
  const { method, path, body, user = "corp:agent", groups = [] } = request;
  const asked = {
    method,
    path,
    contentType: "application/json",
    user: { username: user, groups },
    connection: { name: "prod" },
  };
  const { input: question, decision } = await explain(
    { ...asked, ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }) },
    policy,
  );
  if (question === undefined) throw new Error("it was refused by classification");
  const lifted = exception === "" ? {} : { effect: "allow", exception };
  const findings = decision.findings.map(({ rule, effect }) => ({ rule, effect, ...lifted }));
  const { resource, verb, namespace, name, subResource } = question.request;
  const payload = { decisionId: uuid7(), findings, ...(input ? { input: JSON.parse(inputText(question)) } : {}) };
  return {
    at,
    kind: decision.effect === "deny" ? "request.refused" : "request.outcome",
    username: user,
    connection: "prod",
    verb,
    api_group: resource.group,
    resource: resource.resource,
    subresource: subResource,
    namespace,
    name,
    path,
    payload: JSON.stringify({ ...payload, code: "policy-denied" }),
    ...(objects && question.object !== undefined
      ? { facts: JSON.stringify({ masked: [], object: question.object, oldObject: question.oldObject ?? null }) }
      : {}),
  };
}
