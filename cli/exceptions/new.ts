import { writeFile } from "node:fs/promises";
import { yamlFile } from "../../approvals/exception.ts";
import { parseStanding } from "../../approvals/standing/exception.ts";
import { meaningIssues } from "../../approvals/standing/meaning.ts";
import { listing, type Person } from "../../approvals/voters.ts";
import type { EventRow } from "../../audit/event.ts";
import { rfc3339 } from "../../base/clock.ts";
import { type ExceptionLimits, guardrailsSchema } from "../../base/config/guardrails.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { readYaml } from "../../base/config/read.ts";
import { UserError } from "../../base/errors.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { type RecordedDecision, recordedDecision } from "../../proxy/backtest/recorded.ts";
import type { Answer } from "../action.ts";
import { openEvidence } from "../evidence/source.ts";
import { positive } from "../policy/positive.ts";
import { printable } from "../style.ts";

export interface NewFlags {
  from: string;
  name?: string;
  owner?: string;
  reason?: string;
  days?: string;
  maxUses?: string;
  unmask?: true;
  guardrails?: string;
  out?: string;
  config?: string;
}

const DAY_MS = 86_400_000;
const DAYS = 30;

/** `sallyport exceptions new --from DECISION`: an exception for its rules, its user, its object, and no more. */
export async function newException(flags: NewFlags): Promise<Answer> {
  const { row, decision } = await decisionOf(flags);
  const { limits, people } = await rulesOf(flags);
  const exception = narrowest(flags, row, decision, limits);
  const { name } = exception.metadata;
  const file = yamlFile(exception);
  const standing = parseStanding(name, file);
  const listed = people === undefined ? undefined : listing(people);
  const issues = standing === undefined ? [] : meaningIssues(standing, { limits, listed, now: Date.now() });
  if (issues.length > 0) throw new ConfigError(`exceptions/${name}.yaml`, issues);
  if (flags.out === undefined) return { json: { name, file }, text: printable(file) };
  try {
    await writeFile(flags.out, file, { flag: "wx" });
  } catch (error) {
    throw new UserError(`${flags.out} cannot be written (${(error as NodeJS.ErrnoException).code ?? "error"})`, {
      exitCode: 2,
      next: "Name a file that is not there yet, in a folder that is.",
      cause: error,
    });
  }
  return {
    json: { name, file, out: flags.out },
    text: `${flags.out}: read it, say why, and check it: sallyport exceptions check ${flags.out}`,
  };
}

/** What was asked, by whom and for whom, as far as an exception names it. */
interface Asked extends Pick<RecordedDecision, "decisionId" | "findings"> {
  user: { issuer: string; username: string };
  requestedBy: { issuer: string; username: string; session: string };
  connection: string;
  verb: string;
  group: string;
  resource: string;
  subResource: string;
  namespace: string;
  name: string;
}

async function decisionOf({ from, config }: NewFlags): Promise<{ row: EventRow; decision: Asked }> {
  const source = await openEvidence(config);
  try {
    for (const row of await source.decision(from)) {
      const decision = recordedDecision(row, { dialogues: true });
      if (decision?.input !== undefined) return { row, decision: { ...decision, ...ofRequest(row, decision.input) } };
      if (decision !== undefined && row.kind === "dialogue.tool_use") {
        return { row, decision: { ...decision, ...ofToolCall(row) } };
      }
    }
  } finally {
    await source.close();
  }
  throw no(
    `what was asked in decision ${from} is not on record`,
    "Write the exception by hand: docs/approve.md says how.",
  );
}

function ofRequest(row: EventRow, { request, user, session, connection }: PolicyInput) {
  if (request.nonResource) throw no(`the decision is about the path ${request.path}, and exceptions are for resources`);
  const { group, resource } = request.resource;
  return {
    user,
    // An agent asks for the person that it acts for.
    requestedBy: { ...session.owner, session: session.id },
    connection: connection.name,
    verb: request.operation === "CONNECT" ? "connect" : request.verb,
    ...{ group, resource, subResource: request.subResource, namespace: request.namespace },
    name: request.name === "" ? row.name : request.name,
  };
}

/** Whom an agent acts for is not on record with its tool calls: `--owner` says who answers for the exception. */
function ofToolCall({ issuer, username, session_id: session, connection, payload }: EventRow) {
  const { tool } = JSON.parse(payload) as { tool: string };
  if (tool.includes("/")) throw no(`the tool ${JSON.stringify(tool)} cannot be named in an exception: it has a slash`);
  return {
    user: { issuer, username },
    requestedBy: { issuer, username, session },
    ...{ connection, verb: "tool", group: "", resource: tool, subResource: "", namespace: "", name: "" },
  };
}

function no(message: string, next?: string): UserError {
  return new UserError(message, { exitCode: 1, ...(next === undefined ? {} : { next }) });
}

/** The limits that it must keep, and whose logins are known. */
async function rulesOf({
  guardrails,
  config,
}: NewFlags): Promise<{ limits: ExceptionLimits; people?: readonly Person[] }> {
  if (config !== undefined) {
    const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
    const { policy, people } = loadGatewayConfig(config);
    return { limits: readYaml(guardrails ?? policy.guardrails, guardrailsSchema).exceptions, people };
  }
  if (guardrails !== undefined) return { limits: readYaml(guardrails, guardrailsSchema).exceptions };
  const { limitsInForce } = await import("./client.ts");
  return { limits: await limitsInForce() };
}

function narrowest(flags: NewFlags, row: EventRow, decision: Asked, limits: ExceptionLimits) {
  const { user, requestedBy, connection, verb, group, resource, namespace, name } = decision;
  const rules = liftable(decision, flags.unmask === true);
  const literal = (value: string): string => {
    // A star in a name would stand for any text.
    if (/[*!]/.test(value)) throw no(`${JSON.stringify(value)} cannot be named in an exception: it would be a pattern`);
    return value;
  };
  const sub = decision.subResource === "" ? "" : `/${decision.subResource}`;
  const most = flags.days === undefined ? Math.min(DAYS, limits.maxLifeDays) : positive("--days", flags.days);
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "PolicyException",
    metadata: { name: flags.name ?? named(rules[0] ?? "", resource, namespace, name) },
    spec: {
      rules,
      subjects: [{ issuer: user.issuer, username: literal(user.username) }],
      match: {
        connection,
        verbs: [verb],
        resources: [`${group}/${literal(resource)}${sub}`],
        ...(namespace === "" ? {} : { namespaces: [literal(namespace)] }),
        ...(name === "" ? {} : { names: [literal(name)] }),
      },
      unmask: flags.unmask === true,
      policy: { revision: row.revision },
      requestedBy,
      ...(flags.owner === undefined ? {} : { owner: flags.owner }),
      reason: flags.reason ?? `as decision ${decision.decisionId}: say why`,
      notAfter: rfc3339(Date.now() + most * DAY_MS),
      ...(flags.maxUses === undefined ? {} : { maxUses: positive("--max-uses", flags.maxUses) }),
    },
  };
}

/** The rules that stopped it, all of which an exception can lift; with `unmask`, those that masked it too. */
function liftable({ findings }: Pick<RecordedDecision, "findings">, unmask: boolean): string[] {
  const effects: string[] = unmask ? ["hold", "deny", "mask"] : ["hold", "deny"];
  const found = findings.filter(({ effect }) => effects.includes(effect));
  const fixed = found.filter(({ rule, absolute }) => absolute === true || rule.startsWith("request/"));
  if (fixed.length > 0) {
    const names = [...new Set(fixed.map(({ rule }) => rule))].join(", ");
    throw no(`no exception lifts ${names}`, "Ask for other guardrails, or make another request.");
  }
  if (found.length > 0) return [...new Set(found.map(({ rule }) => rule))];
  const masked = findings.some(({ effect }) => effect === "mask");
  throw no(
    "no rule stopped this request, so there is nothing to lift",
    masked ? "It was masked: --unmask writes an exception that shows it." : undefined,
  );
}

/** `host-path-deployments-shop-web`: readable, and a file's name whatever the object is called. */
function named(rule: string, resource: string, namespace: string, name: string): string {
  const words = [rule.split("/")[1] ?? "", resource, namespace, name].filter((word) => word !== "");
  return words
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .slice(0, 100)
    .replace(/^-+|-+$/g, "");
}
