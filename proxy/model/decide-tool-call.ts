import { Refusal } from "../../base/errors.ts";
import type { ToolCall, ToolCallVerdict } from "../../dialogue/types.ts";
import type { Decision } from "../../engine/decision.ts";
import { nowMs, revisionOf } from "../events.ts";
import { apiServers } from "./api-servers.ts";
import { clusterDenials } from "./cluster-verdict.ts";
import type { ModelDeps } from "./deps.ts";
import { modelEvent } from "./events.ts";
import type { ModelForwarded } from "./exchange.ts";
import { type HoldEnd, heldWords, holdToolCall } from "./hold-tool-call.ts";
import { toolQuestion } from "./question.ts";
import { isKept, MAX_ID, recordable } from "./recordable.ts";
import { spendStanding, withStanding } from "./standing.ts";
import { commandsOf, type ToolCommands } from "./tool-commands.ts";

/**
 * Decides a tool call that the model wrote, before the client sees any of it. What policy holds waits for a human; what only
 * the cluster's side would hold is released, since that is where a human is asked, about the request itself. Whatever is
 * denied is replaced by words that say why.
 */
export async function decideToolCall(
  exchange: ModelForwarded,
  call: ToolCall,
  deps: ModelDeps,
): Promise<ToolCallVerdict> {
  const { session, promptId = "", asked } = exchange;
  if (asked === undefined) throw new Error("a reply without a request");
  const commands = commandsOf(call, apiServers(deps));
  const asking = { ...exchange, promptId, asked };
  const usedUp = new Set<string>();
  const decide = async (): Promise<Decision> => {
    const policy = deps.policy.current;
    const question = toolQuestion(asking, deps.clock.now(), call, commands.forPolicy);
    const decision = await policy.decide(withStanding(question, deps, usedUp));
    if (decision.effect === "deny" || commands.requests.length === 0) return decision;
    const { identity } = exchange;
    const connections = [...deps.connections.values()];
    const { bodyBytes } = deps.limits;
    const { standing } = deps.approvals;
    const denials = await clusterDenials(commands.requests, { identity, connections, policy, standing, bodyBytes });
    return denials.length === 0
      ? decision
      : { ...decision, effect: "deny", findings: [...denials, ...decision.findings] };
  };
  const judge = async (): Promise<HoldEnd> => {
    const decision = await decide();
    const held: HoldEnd =
      decision.effect === "hold"
        ? await holdToolCall(exchange, { call, commands, decision, decideAgain: decide }, deps)
        : { decision };
    if (verdictOf(held, call).effect === "replace") return held;
    const gone = await spentOf(held, `${exchange.id}-${call.index}`, deps);
    if (gone instanceof Refusal) return { decision: { ...held.decision, effect: "deny" }, refusal: gone };
    if (gone === undefined) return held;
    usedUp.add(gone);
    return judge();
  };
  const held = await judge();
  const verdict = verdictOf(held, call);
  if (verdict.effect !== "replace") {
    const { expects, reach, kubectl, background, says } = commands;
    deps.dialogues.released(session.id, {
      toolUseId: call.id.slice(0, MAX_ID),
      promptId,
      model: asked.model,
      name: call.name,
      releasedAt: nowMs(),
      expects,
      reach,
      kubectl,
      background,
      ...(says === undefined ? {} : { says }),
    });
  }
  record(exchange, call, { held, verdict, commands }, deps);
  return verdict;
}

/** Each call of a reply is a use of its own. Where the repository cannot be asked, nothing goes. */
function spentOf({ decision }: HoldEnd, use: string, deps: ModelDeps): Promise<Refusal | string | undefined> {
  return spendStanding(decision, use, deps).catch((error: unknown) => {
    if (error instanceof Refusal) return error;
    throw error;
  });
}

/** The requests that its commands say; what kubectl looks up on the way is left out. */
function expected({ forPolicy }: ToolCommands): object[] {
  return forPolicy
    .flatMap(({ requests = [] }) => requests)
    .slice(0, 20)
    .map(({ labelSelector: _, ...one }) => one);
}

function verdictOf({ decision, approval, refusal }: HoldEnd, { name }: ToolCall): ToolCallVerdict {
  const { effect, findings, decisionId } = decision;
  if (refusal !== undefined) return { effect: "replace", text: heldWords({ name }, refusal) };
  if (effect === "allow" || (effect === "hold" && approval !== undefined)) return { effect: "release" };
  const why = findings
    .filter((finding) => finding.effect === effect)
    .map(({ rule, message }) => `${rule}: ${message}`)
    .join("; ");
  return {
    effect: "replace",
    text: `sallyport: the call of ${name.slice(0, 100)} was blocked by ${why || "policy, which could not be evaluated"}. This is policy, and asking again will not change it; a security engineer can explain the decision. Decision ${decisionId}.`,
  };
}

function record(
  exchange: ModelForwarded,
  { id, name, text }: ToolCall,
  { held, verdict, commands }: { held: HoldEnd; verdict: ToolCallVerdict; commands: ToolCommands },
  deps: ModelDeps,
): void {
  const { decision, approval, refusal } = held;
  const approvalName = approval?.name ?? refusal?.details.approvalName;
  if (decision.record === "None" && decision.findings.length === 0) return;
  deps.recorder.record({
    ...modelEvent(exchange, "dialogue.tool_use"),
    tool_use_id: id.slice(0, MAX_ID),
    effect: decision.effect,
    rules: decision.findings.map(({ rule }) => rule),
    record_level: decision.record,
    revision: revisionOf(decision),
    ...(approvalName === undefined ? {} : { approval_id: approvalName }),
    ...(approval?.breakGlass === true ? { break_glass: true } : {}),
    ...(isKept(decision.record) ? { request_content: Buffer.from(recordable(text, exchange.session.id, deps)) } : {}),
    payload: {
      decisionId: decision.decisionId,
      findings: decision.findings,
      tool: name.slice(0, 256),
      verdict: verdict.effect,
      unparsed: commands.unparsed,
      reach: commands.reach,
      expects: expected(commands),
      // What it changes of files is told at every level: contents are in its arguments.
      ...(commands.files.length > 0 ? { files: commands.files } : {}),
      ...(commands.background ? { background: true } : {}),
    },
  });
}
