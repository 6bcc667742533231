import type { EventDraft } from "../audit/event.ts";
import { Refusal } from "../base/errors.ts";
import type { KubernetesObject, PolicyInput } from "../engine/input.ts";
import { tagRawNumbers } from "../kubernetes/change.ts";
import { maskerOf } from "./answer/unmaskable-write.ts";
import type { Deps } from "./deps.ts";
import type { Known } from "./exchange.ts";
import { recordMaskerOf, withheldText } from "./withhold/record-masker.ts";

type WithholdDeps = Pick<Deps, "hmacKey" | "knownValues" | "recordValues">;

/**
 * Policy's question, kept with the event so that another policy can be asked it (`policy backtest`): its metadata
 * always, its objects where the level of recording keeps bodies, masked like those.
 */
export function keepInput(event: EventDraft, exchange: Known, deps: WithholdDeps): EventDraft {
  // What was refused before it was decided (its body, its dry run) is no decision to compare with.
  const { input, decision } = exchange;
  if (input === undefined || decision === undefined || decision.record === "None") return event;
  // The recorder searches it for what must not be there.
  event.input = inputText(input);
  if (decision.record === "Request" || decision.record === "RequestResponse") {
    try {
      const facts = factsText(exchange, deps);
      if (facts !== undefined) event.input_facts = Buffer.from(facts);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      event.payload = { ...event.payload, factsLeftOut: error.message };
    }
  }
  return event;
}

/** Keys in the order of canonical JSON, so that what is spliced into a payload keeps it canonical. */
export function inputText(input: PolicyInput): string {
  const { connection, dialogue, request, session, user, exec, target } = input;
  return JSON.stringify({
    connection: { kind: connection.kind, labels: sorted(connection.labels), name: connection.name },
    dialogue: dialogue && {
      model: dialogue.model,
      promptId: dialogue.promptId,
      strength: dialogue.strength,
      toolUseId: dialogue.toolUseId,
    },
    exceptions: input.exceptions.map(({ name, rules, unmask }) => ({ name, rules, unmask })),
    exec: exec && { command: exec.command, container: exec.container, stdin: exec.stdin, tty: exec.tty },
    namespaceLabels: input.namespaceLabels && sorted(input.namespaceLabels),
    now: input.now,
    request: {
      contentType: request.contentType,
      digest: request.digest,
      dryRun: request.dryRun,
      fieldSelector: request.fieldSelector,
      kind: { group: request.kind.group, kind: request.kind.kind, version: request.kind.version },
      labelSelector: request.labelSelector,
      name: request.name,
      namespace: request.namespace,
      nonResource: request.nonResource,
      operation: request.operation,
      options: sortedDeep(tagged(request.options)),
      patchType: request.patchType,
      path: request.path,
      query: sorted(request.query),
      resource: {
        group: request.resource.group,
        resource: request.resource.resource,
        version: request.resource.version,
      },
      sourceIP: request.sourceIP,
      subResource: request.subResource,
      uid: request.uid,
      userAgent: request.userAgent,
      verb: request.verb,
    },
    session: {
      agent: session.agent,
      id: session.id,
      owner: { issuer: session.owner.issuer, username: session.owner.username },
      reason: session.reason,
      startedAt: session.startedAt,
    },
    target: target && {
      labels: sorted(target.labels),
      serviceAccountName: target.serviceAccountName,
      uid: target.uid,
    },
    user: {
      extra: sorted(user.extra),
      groups: user.groups,
      issuer: user.issuer,
      roles: user.roles,
      uid: user.uid,
      username: user.username,
    },
  });
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  const keys = Object.keys(record);
  if (keys.length < 2) return record;
  return Object.fromEntries(keys.sort().map((key) => [key, record[key] as T]));
}

/** Integers that no double holds have no canonical form. */
function tagged(options: Record<string, unknown>): unknown {
  return Object.keys(options).length === 0 ? options : tagRawNumbers(options);
}

function sortedDeep(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedDeep);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(sorted(value as Record<string, unknown>));
  return Object.fromEntries(entries.map(([key, entry]) => [key, sortedDeep(entry)]));
}

/** The objects that policy was shown, as JSON: `{masked, object, oldObject, sent, podSpecs?, roleRules}`. */
function factsText(exchange: Known, deps: WithholdDeps): string | undefined {
  const { input, attributes, session, decision, body } = exchange;
  if (input === undefined || attributes === undefined || session === undefined || decision === undefined) return;
  if (input.object === undefined && input.oldObject === undefined && input.roleRules === undefined) return undefined;
  const masker = exchange.masker ?? maskerOf({ attributes, session }, decision, deps);
  const own = recordMaskerOf({ attributes, session, body }, deps);
  const masked: string[] = [];
  const side = (name: string, value: KubernetesObject | null | undefined): string[] => {
    if (value === undefined) return [];
    const text = JSON.stringify(value);
    if (value === null) return [`"${name}":${text}`];
    const withheld = withheldText(text, [masker, own]);
    masked.push(...withheld.masked);
    return [`"${name}":${withheld.value}`];
  };
  const parts = [...side("object", input.object), ...side("oldObject", input.oldObject), ...side("sent", input.sent)];
  if (input.roleRules !== undefined) parts.push(`"roleRules":${JSON.stringify(input.roleRules)}`);
  return `{"masked":${JSON.stringify([...new Set(masked)])},${parts.join(",")}}`;
}
