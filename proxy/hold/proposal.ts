import type { Proposal } from "../../approvals/types.ts";
import { canonicalJson } from "../../base/canonical-json.ts";
import { hmac } from "../../base/digest.ts";
import { shellWords } from "../../base/shell-words.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import { type Change, changeText, describeChange, renderChange } from "../../kubernetes/change.ts";
import { type DigestSubject, digestForm } from "../../kubernetes/digest-form.ts";
import type { Deps } from "../deps.ts";
import { revisionOf } from "../events.ts";
import type { Decided } from "../exchange.ts";
import { blastRadius } from "./blast-radius.ts";

/** HMAC of the request (contracts §4): the same call by the same person is the same proposal. */
export function digestOf(exchange: Decided, deps: Deps): string {
  const form = digestForm({
    connection: exchange.connection.name,
    requester: { issuer: exchange.identity.issuer, username: exchange.identity.username },
    attributes: exchange.attributes,
    contentType: exchange.body?.forwardContentType ?? "",
    body: bodyOf(exchange),
  });
  return hmac(deps.hmacKey, "digest", canonicalJson(form));
}

function bodyOf({ body, attributes }: Decided): DigestSubject["body"] {
  if (body === null) return null;
  if (attributes.operation === "DELETE") return { object: body.options };
  if (body.patch !== null) return { patch: body.patch };
  return body.object === null ? null : { object: body.object };
}

/** What is stored and what would be, as the change is told from. An eviction has no outcome: the uid says whose it is. */
function sidesOf({ attributes, facts }: Decided): [KubernetesObject | null, KubernetesObject | null] {
  const stored = facts.oldObject ?? null;
  return attributes.operation === "DELETE" ? [stored, null] : [stored, facts.outcome ?? stored];
}

/** What the request changes, from what is stored to what would be; the pod's uid for exec and its kin. */
export function changeOf(exchange: Decided): Change {
  const { attributes, input } = exchange;
  if (attributes.operation === "CONNECT") return { uid: input.target?.uid ?? null, changes: [] };
  return describeChange(...sidesOf(exchange));
}

/** HMAC of the change (contracts §4): what an approver was shown is what may happen, and nothing else. */
export function changeDigest(change: Change, deps: Deps): string {
  return hmac(deps.hmacKey, "change", changeText(change));
}

export function proposalOf(exchange: Decided, change: string, supersedes: string | undefined, deps: Deps): Proposal {
  const { decision, identity, session, attributes, input, masker, policy } = exchange;
  const holding = decision.findings.filter((finding) => finding.effect === "hold");
  const terms = decision.approval;
  return {
    connection: exchange.connection.name,
    digest: input.request.digest,
    change,
    rules: [...new Set(holding.map((finding) => finding.rule))],
    requester: {
      issuer: identity.issuer,
      username: identity.username,
      session: session.id,
      owner: session.owner,
      ...promptOf(exchange),
    },
    summary: {
      verb: attributes.operation === "CONNECT" ? "connect" : attributes.verb,
      resource: [attributes.group, attributes.resource, attributes.subResource].filter((part) => part !== "").join("/"),
      namespace: attributes.namespace,
      name: input.request.name,
      command: commandOf(exchange),
      agent: session.agent,
      reason: session.reason,
    },
    findings: holding.map(({ rule, message, severity, fields, absolute }) => ({
      rule,
      message,
      severity,
      fields,
      ...(absolute ? { absolute } : {}),
      ...policy.describe(rule),
    })),
    blastRadius: blastRadius(exchange),
    changes:
      attributes.operation === "CONNECT"
        ? []
        : renderChange(
            ...sidesOf(exchange),
            masker && ((object) => masker.maskAnswer(object).value as KubernetesObject),
          ),
    policyRevision: revisionOf(decision),
    requirements: terms?.requirements ?? [],
    notAfter: deps.clock.now() + (terms?.validForSeconds ?? 900) * 1000,
    maxUses: terms?.maxUses ?? 1,
    ...(supersedes === undefined ? {} : { supersedes }),
  };
}

/**
 * For the reader: the command of an exec, whole, since the approval is of all of it; else what kubectl says that
 * it runs. The text is the agent's.
 */
function commandOf(exchange: Decided): string {
  if (exchange.input.exec !== undefined) return shellWords(exchange.input.exec.command);
  const command = exchange.req.headers["kubectl-command"];
  return typeof command === "string" ? command.slice(0, 200) : "";
}

/** The id of the prompt that led to it, where the agent's client says so; anybody can say anything there. */
function promptOf({ req }: Decided): { promptId?: string } {
  const claimed = req.headers["x-claude-code-prompt-id"];
  return typeof claimed === "string" && /^[\w.:-]{1,128}$/.test(claimed) ? { promptId: claimed } : {};
}
