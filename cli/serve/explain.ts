import type { Clock } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";
import type { Policy } from "../../engine/decision.ts";
import type { UserInfo } from "../../engine/input.ts";
import type { Identity } from "../../identity/types.ts";
import { explain } from "../../proxy/explain/explain.ts";
import { answerLine, checkRequestLine, type RequestLine, requestOfLine } from "../../proxy/explain/line.ts";

interface ExplainDeps {
  policy: { readonly current: Policy };
  connections: ReadonlyMap<string, { name: string; labels: Record<string, string> }>;
  limits: { bodyBytes: number };
  clock: Clock;
}

/**
 * `POST /v1alpha1/policy/explain`: one request, judged by the policy in force as the caller. What policy would say to
 * somebody else is for auditors, and so are exceptions that nobody gave. Throws Refusal `bad-request` and `forbidden`.
 */
export function explainer(deps: ExplainDeps): (request: unknown, caller: Identity) => Promise<object> {
  return async (request, caller) => {
    const read = checkRequestLine(request);
    if ("error" in read) throw new Refusal("bad-request", `this is no request to explain: ${read.error}`);
    const { line } = read;
    if ((line.user !== undefined || line.exceptions !== undefined) && !caller.roles.includes("auditor")) {
      throw new Refusal("forbidden", "explaining what somebody else may do needs the role auditor", {
        next: "Leave user and exceptions out, to be told of yourself.",
      });
    }
    const asked = { ...requestOfLine(line), user: line.user ?? userOf(caller), ...connectionOf(line, deps) };
    const { policy, limits, clock } = deps;
    const { decision } = await explain(asked as Parameters<typeof explain>[0], policy.current, {
      bodyBytes: limits.bodyBytes,
      clock,
    });
    return { ...answerLine(line.id, decision), approval: decision.approval, revision: decision.revision };
  };
}

function userOf({ issuer, username, uid, groups, roles, extra }: Identity): UserInfo {
  return { issuer, username, uid, groups, roles, extra };
}

/** A connection of this gateway has the labels that its configuration gives it. */
function connectionOf({ connection }: RequestLine, { connections }: ExplainDeps): { connection?: object } {
  if (typeof connection !== "string") return {};
  return { connection: { name: connection, labels: connections.get(connection)?.labels ?? {} } };
}
