import type { Approval } from "../../approvals/types.ts";
import { rfc3339 } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";
import type { Deps } from "../deps.ts";
import type { Cleared, Decided } from "../exchange.ts";
import { namespaceLabels } from "../gather/namespace-labels.ts";
import { askHuman } from "../hold/ask-human.ts";
import { covers } from "../hold/covers.ts";
import { changed, denied, ended, notProposed } from "../hold/hold-refusals.ts";
import { HomeTime } from "../hold/home-time.ts";
import { changeDigest, changeOf, digestOf } from "../hold/proposal.ts";
import { spend } from "../hold/spend.ts";
import { bearerToken } from "../listener/door.ts";
import { warningHeader } from "../render-refusal.ts";
import { spendStanding, withExceptions } from "../standing.ts";
import { decide } from "./decide.ts";
import { gather } from "./gather.ts";

/**
 * A hold keeps the connection open while a human decides: it finds or opens the proposal of exactly this request,
 * waits for it to settle or for the time to run out, judges everything again, and spends the approval or refuses.
 */
export async function hold(exchange: Decided, deps: Deps): Promise<Cleared> {
  const { effect, findings } = exchange.decision;
  if (effect !== "hold" && findings.every(({ exception }) => exception === undefined)) return exchange;
  const home = new HomeTime(deps.log);
  for (let current = exchange; ; current = await judgeNow(current, deps)) {
    const cleared = await held(current, home, deps).catch((error: unknown) => {
      // Whatever could not be asked: the caller hears why it was to be held at all.
      const unavailable = error instanceof Refusal && error.code === "approvals-unavailable";
      throw unavailable && error.details.causes === undefined ? notProposed(error, current.decision) : error;
    });
    // A standing exception whose last use others spent meanwhile lifts nothing any more.
    if (cleared.input.request.dryRun || (await spendStanding(cleared, home, deps))) return cleared;
  }
}

async function held(exchange: Decided, home: HomeTime, deps: Deps): Promise<Cleared> {
  if (exchange.decision.effect !== "hold") return exchange;
  if (exchange.input.request.dryRun) {
    exchange.warnings.push(
      warningHeader(`sallyport: without --dry-run this would be held for approval (${rulesOf(exchange).join(", ")})`),
    );
    return exchange;
  }
  exchange.input.request.digest = digestOf(exchange, deps);
  let current = exchange;
  let supersedes: string | undefined;
  // The approval that this very exchange waited for, or has spent on an attempt that came to nothing. It stands
  // for this exchange even where others have spent it since: they must not make it ask a human once more.
  let granted = await approvalInUse(exchange, home, deps);
  for (;;) {
    const change = changeDigest(changeOf(current), deps);
    if (granted !== undefined && lifts(granted, change, current)) return await spend(granted, current, home, deps);
    const known = await find(current, change, home, deps);
    if (known?.state === "denied") throw denied(known, current.decision);
    if (known?.state === "approved" && lifts(known, change, current)) return await spend(known, current, home, deps);
    supersedes = granted?.name ?? (known?.state === "approved" ? known.name : supersedes);
    const settled = await askHuman(current, { change, supersedes, home }, deps);
    if (settled.state === "denied") throw denied(settled, current.decision);
    if (settled.state !== "approved") throw ended(settled, current.decision, deps);
    if (supersedes !== undefined && settled.name === supersedes) throw changed(settled, current.decision, deps);
    granted = settled;
    current = await judgeNow(current, deps);
    if (current.decision.effect !== "hold") return current;
  }
}

function find({ input }: Decided, change: string, home: HomeTime, deps: Deps): Promise<Approval | undefined> {
  const { digest } = input.request;
  return home.of("find", () => deps.sharedAsks.find(`${digest} ${change}`, () => deps.approvals.find(digest, change)));
}

/**
 * Nobody approves for themselves: an approval counts in sessions of the owner whom its approvers were told of, since
 * one of them may own another session of the same agent. Break-glass lifts no absolute finding, even one that became
 * absolute only since.
 */
function lifts(approval: Approval, change: string, { decision, session }: Decided): boolean {
  const { owner } = approval.proposal.requester;
  if (owner?.issuer !== session.owner.issuer || owner.username !== session.owner.username) return false;
  const held = decision.findings.filter((finding) => finding.effect === "hold");
  if (approval.breakGlass !== undefined && held.some(({ absolute }) => absolute)) return false;
  const rules = held.map(({ rule }) => rule);
  return covers(approval.proposal, change, rules, decision.approval?.requirements ?? []);
}

async function approvalInUse(exchange: Decided, home: HomeTime, deps: Deps): Promise<Approval | undefined> {
  const known = exchange as Cleared;
  const freed = deps.secondAttempts.take(exchange.session.id, exchange.input.request.digest);
  // What kubectl's first attempt spent in vain is this attempt's.
  if (freed !== undefined) known.spentAs = freed.spentAs;
  const approval = known.use?.approval ?? freed?.approval;
  return approval === undefined ? undefined : home.of("get", () => deps.approvals.get(approval));
}

/**
 * The world went on while the connection was held: who asked may be nobody by now, policy may be another one, and
 * an approval lifts only what it was given for.
 */
async function judgeNow(exchange: Decided, deps: Deps): Promise<Decided> {
  await deps.authenticator.authenticate(bearerToken(exchange.req), "data");
  exchange.input.now = rfc3339(deps.clock.now());
  const policy = withExceptions(exchange, deps.policy.current, deps);
  const again = Object.assign(exchange, { policy, needs: policy.needs(exchange.input) });
  // Its labels say which scopes apply, and they may be others by now.
  if (again.needs.has("namespaceLabels") && again.input.request.namespace !== "") await namespaceLabels(again, deps);
  return decide(await gather(again, deps), deps);
}

function rulesOf(exchange: Decided): string[] {
  return [...new Set(exchange.decision.findings.filter((f) => f.effect === "hold").map((f) => f.rule))];
}
