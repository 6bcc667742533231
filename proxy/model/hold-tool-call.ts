import { decidedAt, letThroughBy } from "../../approvals/let-through.ts";
import type { Approval, Proposal } from "../../approvals/types.ts";
import type { EventKind } from "../../audit/event.ts";
import { Refusal } from "../../base/errors.ts";
import type { ToolCall } from "../../dialogue/types.ts";
import type { Decision } from "../../engine/decision.ts";
import { causesOf } from "../deny.ts";
import { revisionOf } from "../events.ts";
import { covers } from "../hold/covers.ts";
import { approvalUrl, changed, denied, ended, notProposed, pending } from "../hold/hold-refusals.ts";
import { HomeTime } from "../hold/home-time.ts";
import { refusalText } from "../render-refusal.ts";
import { ClientGone } from "../step.ts";
import type { ModelDeps } from "./deps.ts";
import { modelEvent } from "./events.ts";
import type { ModelForwarded } from "./exchange.ts";
import { callerToken } from "./token.ts";
import type { ToolCommands } from "./tool-commands.ts";
import { type ToolDigests, toolDigests, toolProposal } from "./tool-proposal.ts";

/**
 * A stream of which a client hears pings only is given up after five minutes by Claude Code (its SDK drops pings before
 * they are counted), and while a call is written it hears no more than that either.
 */
const MOST_SECONDS = 90;

interface Held {
  call: ToolCall;
  commands: ToolCommands;
  /** That holds it. */
  decision: Decision;
  /** The same question again: the world goes on while a human thinks. */
  decideAgain(): Promise<Decision>;
}

/** What came of a hold. */
export interface HoldEnd {
  /** The last decision: of one that is no hold any more, the call goes as it says. */
  decision: Decision;
  /** A human let it through. */
  approval?: { name: string; breakGlass: boolean };
  /** Nobody did: why, and what to do. */
  refusal?: Refusal;
}

/**
 * Keeps a tool call back while a human decides on it, as the cluster's side does with a request: finds or opens the proposal
 * of exactly this call, waits for it to settle or for the time to run out, judges it again, and spends the approval. Throws
 * what ends the reply: ClientGone, and a Refusal where who asked is nobody any more.
 */
export async function holdToolCall(exchange: ModelForwarded, held: Held, deps: ModelDeps): Promise<HoldEnd> {
  const home = new HomeTime(deps.log);
  const digests = toolDigests(exchange, held.call, deps);
  let { decision } = held;
  try {
    let granted: Approval | undefined;
    let supersedes: string | undefined;
    for (;;) {
      if (granted !== undefined && lifts(granted, digests, exchange, decision)) {
        return await spend(granted, exchange, { ...held, decision }, home, deps);
      }
      const known = await find(digests, home, deps);
      if (known?.state === "denied") throw denied(known, decision);
      if (known?.state === "approved" && lifts(known, digests, exchange, decision)) {
        return await spend(known, exchange, { ...held, decision }, home, deps);
      }
      supersedes = granted?.name ?? (known?.state === "approved" ? known.name : supersedes);
      const settled = await ask(exchange, { ...held, decision }, { ...digests, supersedes }, home, deps);
      if (settled.state === "denied") throw denied(settled, decision);
      if (settled.state !== "approved") throw ended(settled, decision, deps);
      if (settled.name === supersedes) throw changed(settled, decision, deps);
      granted = settled;
      await stillThere(exchange, deps);
      decision = await held.decideAgain();
      if (decision.effect !== "hold") return { decision };
    }
  } catch (error) {
    if (!(error instanceof Refusal) || error instanceof NobodyAnyMore) throw error;
    // Whatever could not be asked: the agent hears why it was to be held at all.
    return { decision, refusal: error.details.causes === undefined ? notProposed(error, decision) : error };
  }
}

/** Words in the place of a call that nobody let through, for the model to go on by. */
export function heldWords({ name }: Pick<ToolCall, "name">, refusal: Refusal): string {
  return refusalText(refusal).replace(
    /^sallyport: /,
    `sallyport: the call of ${name.slice(0, 100)} was not passed on: `,
  );
}

class NobodyAnyMore extends Refusal {}

/** Who asked may be nobody by now. */
async function stillThere({ req }: ModelForwarded, deps: ModelDeps): Promise<void> {
  try {
    await deps.authenticator.authenticate(callerToken(req), "data");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new NobodyAnyMore(error.code, error.message, error.details);
  }
}

function find({ digest, change }: ToolDigests, home: HomeTime, deps: ModelDeps): Promise<Approval | undefined> {
  return home.of("find", () => deps.sharedAsks.find(`${digest} ${change}`, () => deps.approvals.find(digest, change)));
}

/** As the cluster's side has it (steps/hold.ts): of this owner's sessions, for these rules and approvers. */
function lifts(approval: Approval, { change }: ToolDigests, { session }: ModelForwarded, decision: Decision): boolean {
  const { owner } = approval.proposal.requester;
  if (owner?.issuer !== session.owner.issuer || owner.username !== session.owner.username) return false;
  const held = decision.findings.filter(({ effect }) => effect === "hold");
  if (approval.breakGlass !== undefined && held.some(({ absolute }) => absolute)) return false;
  const rules = held.map(({ rule }) => rule);
  return covers(approval.proposal, change, rules, decision.approval?.requirements ?? []);
}

async function ask(
  exchange: ModelForwarded,
  held: Held,
  asked: ToolDigests & { supersedes: string | undefined },
  home: HomeTime,
  deps: ModelDeps,
): Promise<Approval> {
  const { decision, call, commands } = held;
  const proposal = toolProposal(exchange, call, { ...asked, decision, commands: commands.forPolicy }, deps);
  const { approval, opened } = await open(proposal, decision, home, deps);
  record(exchange, held, opened ? "hold.opened" : "hold.reattached", approval, deps, {
    rules: proposal.rules,
    url: decidedAt(approval, approvalUrl(approval.name, deps)),
    supersedes: asked.supersedes ?? "",
    causes: causesOf(decision.findings),
  });
  if (opened) deps.held?.(approval);
  const seconds = Math.min(decision.approval?.holdSeconds ?? MOST_SECONDS, MOST_SECONDS);
  const budget = deps.holdBudget.start([`session/${exchange.session.id}`, `digest/${asked.digest}`], seconds);
  const over = AbortSignal.any([AbortSignal.timeout(budget.waitMs), exchange.signal, budget.drained]);
  try {
    const wait = (): Promise<Approval> => deps.approvals.waitSettled(approval.name, over);
    const settled = budget.waitMs === 0 ? approval : await home.of("wait", wait, { moreMs: budget.waitMs });
    if (settled.state !== "pending") return settled;
  } finally {
    budget.end();
    home.renew();
  }
  if (exchange.signal.aborted) throw new ClientGone();
  record(exchange, held, "hold.timed_out", approval, deps);
  const refusal = pending(approval, decision, asked.supersedes, deps);
  const url = approvalUrl(approval.name, deps);
  refusal.details.next = `A human can approve it at ${url}. Say so, end your turn, and once it is approved make exactly the same call again.`;
  throw refusal;
}

/** The home caps what one session or person may have waiting: a hostile agent must not bury its approvers. */
async function open(
  proposal: Proposal,
  decision: Decision,
  home: HomeTime,
  deps: ModelDeps,
): Promise<{ approval: Approval; opened: boolean }> {
  try {
    const propose = (): ReturnType<typeof deps.approvals.propose> => deps.approvals.propose(proposal);
    const key = `${proposal.digest} ${proposal.change}`;
    const { answer, first } = await home.of("propose", () => deps.sharedAsks.open(key, propose));
    return { approval: answer.approval, opened: answer.opened && first };
  } catch (error) {
    throw error instanceof Refusal ? notProposed(error, decision) : error;
  }
}

/** Spends a use of an approval on this call, which goes to the client then. */
async function spend(
  approval: Approval,
  exchange: ModelForwarded,
  held: Held,
  home: HomeTime,
  deps: ModelDeps,
): Promise<HoldEnd> {
  const { name } = approval;
  const breakGlass = approval.breakGlass !== undefined;
  const consumed = (n: number, more: { late?: true } = {}): void =>
    record(exchange, held, "approval.consumed", approval, deps, {
      use: n,
      ...letThroughBy(approval),
      url: decidedAt(approval, approvalUrl(name, deps)),
      ...more,
    });
  const result = await home.of("use", () => deps.approvals.use(name, exchange.id), {
    // It is spent, and nobody knows of it yet: nothing goes on with it.
    late: (spent) => spent.ok && consumed(spent.n, { late: true }),
  });
  if (!result.ok) throw ended(approval, held.decision, deps, result.reason);
  consumed(result.n);
  const { digest } = approval.proposal;
  deps.holdBudget.refresh([`session/${exchange.session.id}`, `digest/${digest}`]);
  await stillThere(exchange, deps);
  return { decision: held.decision, approval: { name, breakGlass } };
}

function record(
  exchange: ModelForwarded,
  { call, decision }: Held,
  kind: EventKind,
  { name, breakGlass }: Approval,
  deps: ModelDeps,
  payload: Record<string, unknown> = {},
): void {
  deps.recorder.record({
    ...modelEvent(exchange, kind),
    verb: "tool",
    resource: call.name.slice(0, 256),
    tool_use_id: call.id.slice(0, 256),
    effect: decision.effect,
    rules: decision.findings.map(({ rule }) => rule),
    record_level: decision.record,
    revision: revisionOf(decision),
    approval_id: name,
    ...(breakGlass === undefined ? {} : { break_glass: true }),
    payload,
  });
}
