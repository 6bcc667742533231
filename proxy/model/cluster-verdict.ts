import type { StandingHome } from "../../approvals/types.ts";
import { VERB_METHODS } from "../../base/verb-methods.ts";
import type { CommandRequest } from "../../dialogue/shell/types.ts";
import type { Decision, Finding, Need, Policy } from "../../engine/decision.ts";
import type { Identity } from "../../identity/types.ts";
import { resourcePath } from "../../kubernetes/resources.ts";
import { type Explanation, explain } from "../explain/explain.ts";

/** A command of more requests is judged by the first of them; the cluster's side judges each. */
const MAX_REQUESTS = 20;

interface Asking {
  identity: Pick<Identity, "issuer" | "username" | "uid" | "groups" | "roles" | "extra">;
  /** Those that the agent has: a command does not say which of them it asks. */
  connections: readonly { name: string; labels: Record<string, string> }[];
  policy: Policy;
  /** Standing exceptions: what one of them may lift is for the cluster's side to deny. */
  standing: Pick<StandingHome, "candidates">;
  bodyBytes: number;
}

/**
 * What the guardrails would say of the requests that a tool call's commands would make: the denials that nothing more could take
 * back, since no fact is gathered here. An early word: what is not found here is found by the same rules when the request comes.
 * Of several connections each must deny.
 */
export async function clusterDenials(requests: readonly CommandRequest[], asking: Asking): Promise<Finding[]> {
  const denials: Finding[] = [];
  for (const request of requests.slice(0, MAX_REQUESTS)) {
    const path = pathOf(request);
    if (path === undefined) continue;
    let found: Finding[] | undefined;
    for (const connection of asking.connections) {
      const { decision, input } = await ask(request, path, connection, asking);
      const denials = finalDenials(decision, request, asking.policy);
      const lifting = input === undefined || denials.length === 0 ? undefined : asking.standing.candidates(input);
      const lifted = new Set([...(lifting?.sure ?? []), ...(lifting?.open ?? [])].flatMap(({ rules }) => rules));
      const final = denials.filter(({ rule, absolute }) => absolute || !lifted.has(rule));
      if (final.length === 0) {
        found = undefined;
        break;
      }
      found ??= final;
    }
    denials.push(...(found ?? []));
  }
  return denials;
}

async function ask(
  request: CommandRequest,
  path: string,
  connection: Asking["connections"][number],
  { identity, policy, bodyBytes }: Asking,
): Promise<Explanation> {
  const { verb, body, contentType, exec } = request;
  const { issuer, username, uid, groups, roles, extra } = identity;
  const stream = exec !== undefined || ["attach", "portforward"].includes(request.subresource);
  return explain(
    {
      method: stream ? "GET" : (VERB_METHODS[verb] ?? verb.toUpperCase()),
      path,
      ...(stream ? { protocol: "websocket" as const } : {}),
      ...(body === undefined || stream ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(contentType === undefined && body !== undefined && !stream ? { contentType: "application/json" } : {}),
      user: { issuer, username, uid, groups, roles, extra },
      connection,
    },
    policy,
    { bodyBytes },
  );
}

/**
 * What the text leaves open must not be guessed: a finding counts where its rule needs no more than is known. Of a new object whose
 * text is there, that is also what would be stored of it.
 */
function finalDenials(decision: Decision, { verb, body, unknown }: CommandRequest, policy: Policy): Finding[] {
  if (decision.effect !== "deny") return [];
  const known = new Set<Need>();
  if (body !== undefined && !unknown.includes("object")) known.add("object");
  if (known.has("object") && verb === "create") known.add("outcome").add("oldObject");
  return decision.findings.filter(
    ({ rule, effect }) =>
      effect === "deny" && !rule.startsWith("request/") && policy.needsOf(rule).every((need) => known.has(need)),
  );
}

/** Path and query of the request; undefined where its resource or namespace is not known. */
function pathOf(request: CommandRequest): string | undefined {
  const { group, version, resource, subresource, namespace, name, unknown, exec } = request;
  if (request.path !== undefined) return request.path.startsWith("/") ? request.path : undefined;
  if (group === undefined || version === "" || resource === "" || unknown.includes("group")) return undefined;
  if (unknown.includes("resource") || unknown.includes("namespace")) return undefined;
  // Without its name a delete of one would be judged as one of all.
  const ofOne = !["list", "watch", "create", "deletecollection"].includes(request.verb) || subresource !== "";
  if (ofOne && (name === "" || unknown.includes("name"))) return undefined;
  const shown = request.verb === "create" && subresource === "" ? "" : name;
  const query = new URLSearchParams();
  for (const word of exec?.command ?? []) query.append("command", word);
  if (exec !== undefined) {
    if (exec.container !== "") query.set("container", exec.container);
    query.set("stdin", String(exec.stdin));
    query.set("stdout", "true");
    query.set("tty", String(exec.tty));
  }
  if (request.labelSelector !== "") query.set("labelSelector", request.labelSelector);
  if (request.fieldSelector !== "") query.set("fieldSelector", request.fieldSelector);
  if (request.verb === "watch") query.set("watch", "true");
  if (request.dryRun) query.set("dryRun", "All");
  // A namespace is its own, as RequestInfo has it, and stands in its path once.
  const namespaced = namespace !== "" && resource !== "namespaces";
  const path = resourcePath({ group, version, resource, kind: "", namespaced }, namespace, shown, subresource);
  return query.size === 0 ? path : `${path}?${query}`;
}
