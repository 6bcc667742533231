import type { Proposal } from "../../approvals/types.ts";
import { canonicalJson } from "../../base/canonical-json.ts";
import { hmac } from "../../base/digest.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import { shellWords } from "../../base/shell-words.ts";
import type { ToolCall } from "../../dialogue/types.ts";
import type { Decision } from "../../engine/decision.ts";
import type { DialogueInput } from "../../engine/input.ts";
import { tagRawNumbers } from "../../kubernetes/change.ts";
import { revisionOf } from "../events.ts";
import { RecordedTexts } from "../withhold/recorded-texts.ts";
import type { ModelDeps } from "./deps.ts";
import type { ModelForwarded } from "./exchange.ts";
import { recordable } from "./recordable.ts";

type Arguments = Record<string, unknown>;

/** HMACs of a tool call (contracts §4): the same call by the same person is the same proposal. */
export interface ToolDigests {
  digest: string;
  change: string;
}

export function toolDigests(
  { connection, identity }: Pick<ModelForwarded, "connection" | "identity">,
  call: ToolCall,
  { hmacKey }: Pick<ModelDeps, "hmacKey">,
): ToolDigests {
  const args = tagRawNumbers(sameAgain(call.name, whole(call)));
  const { issuer, username } = identity;
  const requester = { issuer, username };
  const tool = { tool: call.name, ...familyOf(call) };
  const form = { connection: connection.name, requester, verb: "tool", ...tool, arguments: args };
  return {
    digest: hmac(hmacKey, "digest", canonicalJson(form)),
    change: hmac(hmacKey, "change", canonicalJson({ uid: null, changes: [{ path: "arguments", to: args }] })),
  };
}

/** A client runs tools of one name by these: the same arguments mean something else to another. */
function familyOf(call: ToolCall): { toolset?: string; kind?: string } {
  const { toolset, kind = isText(call) ? "custom" : undefined } = call;
  return { ...(toolset === undefined ? {} : { toolset }), ...(kind === undefined ? {} : { kind }) };
}

/** Its arguments, with integers that doubles would make a neighbour of as they are written. */
function whole(call: ToolCall): unknown {
  const { text, arguments: args = {} } = call;
  if (isText(call)) return args;
  try {
    const value = parseLossless(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : args;
  } catch (error) {
    if (error instanceof SyntaxError) return args;
    throw error;
  }
}

/** OpenAI's custom tools are called with a text of any kind, also one that reads as the arguments of another call. */
function isText({ text, arguments: args = {} }: ToolCall): boolean {
  return args.input === text && Object.keys(args).length === 1;
}

/**
 * Without what a model words anew each time, and nothing goes by: the description that Claude Code's Bash shows beside a
 * command. In a tool of another name, or without a command, it may be what the tool is about.
 */
function sameAgain(name: string, args: unknown): unknown {
  if (name !== "Bash" || typeof args !== "object" || args === null) return args;
  const { description, ...rest } = args as Arguments;
  return typeof rest.command === "string" && typeof description === "string" ? rest : args;
}

interface Asked extends ToolDigests {
  decision: Decision;
  commands: NonNullable<DialogueInput["tool"]>["commands"];
  supersedes: string | undefined;
}

/** What an approver reads of a tool call: its name, its commands, its arguments whole, and which rules hold it. */
export function toolProposal(exchange: ModelForwarded, call: ToolCall, asked: Asked, deps: ModelDeps): Proposal {
  const { identity, session, connection, promptId } = exchange;
  const { decision, commands, digest, change, supersedes } = asked;
  const holding = decision.findings.filter(({ effect }) => effect === "hold");
  const terms = decision.approval;
  const withheld = [...deps.knownValues.known(session.id), ...deps.recordValues.known(session.id)];
  const shown = new RecordedTexts(withheld).deep(call.arguments ?? {}, { all: true }) as Arguments;
  return {
    connection: connection.name,
    digest,
    change,
    rules: [...new Set(holding.map(({ rule }) => rule))],
    requester: {
      issuer: identity.issuer,
      username: identity.username,
      session: session.id,
      owner: session.owner,
      ...(promptId === undefined ? {} : { promptId }),
    },
    summary: {
      verb: "tool",
      resource: call.name,
      namespace: "",
      name: "",
      command: commandOf(shown),
      agent: session.agent,
      reason: session.reason,
    },
    findings: holding.map(({ rule, message, severity, fields, absolute }) => ({
      rule,
      message: recordable(message, session.id, deps),
      severity,
      fields,
      ...(absolute ? { absolute } : {}),
      ...deps.policy.current.describe(rule),
    })),
    blastRadius: recordable(reachOf(call.name, commands), session.id, deps),
    changes: [
      { path: "arguments", to: shown },
      ...Object.entries(familyOf(call)).map(([path, to]) => ({ path, to: recordable(to, session.id, deps) })),
    ],
    policyRevision: revisionOf(decision),
    requirements: terms?.requirements ?? [],
    notAfter: deps.clock.now() + (terms?.validForSeconds ?? 900) * 1000,
    maxUses: terms?.maxUses ?? 1,
    ...(supersedes === undefined ? {} : { supersedes }),
    ...(terms?.batch === true ? { batch: true } : {}),
  };
}

/** The text that a shell's tool is given, word for word. */
function commandOf({ command }: Arguments): string {
  if (typeof command === "string") return command;
  return Array.isArray(command) && command.every((word) => typeof word === "string") ? shellWords(command) : "";
}

/** In one sentence of the gateway's own; names in it are the model's. */
function reachOf(name: string, commands: Asked["commands"]): string {
  if (commands.length === 0) return `lets the agent call its tool ${name}`;
  const programs = [...new Set(commands.map(({ argv: [program = ""] }) => program || "?"))];
  const more = programs.length > 10 ? ` and ${programs.length - 10} more` : "";
  const count = commands.length === 1 ? "a command" : `${commands.length} commands`;
  return `lets the agent's tool ${name} run ${count} where the agent runs: ${programs.slice(0, 10).join(", ")}${more}`;
}
