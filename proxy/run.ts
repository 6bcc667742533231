import { Refusal, toRefusal } from "../base/errors.ts";
import type { Deps } from "./deps.ts";
import { nowMs, outcomeEvent, refusedEvent } from "./events.ts";
import type { Arrived, Known } from "./exchange.ts";
import { UpstreamSaysNo } from "./gather/outcome.ts";
import { keepRequest } from "./record-bodies.ts";
import { keepInput } from "./record-input.ts";
import { renderRefusal, renderStatus } from "./render-refusal.ts";
import { withShadow } from "./shadow.ts";
import { CLIENT_GONE, ClientGone, JudgeAgain, type Path, type Step } from "./step.ts";
import { gather } from "./steps/gather.ts";

/** How long an exchange may go back to be judged again after a 409 on our own precondition. */
const JUDGE_AGAIN_MS = 5_000;

/**
 * Runs an exchange through the path. Whatever a step throws is a refusal: rendered once, recorded once, and
 * nothing of the exchange goes on.
 */
export async function run(path: Path<Arrived, void>, exchange: Arrived, deps: Deps): Promise<void> {
  const steps = path.steps as readonly Step<unknown, unknown>[];
  try {
    let value: unknown = exchange;
    for (let i = 0; i < steps.length; i++) {
      try {
        const next = (steps[i] as Step<unknown, unknown>)(value, deps);
        value = next instanceof Promise ? await next : next;
      } catch (error) {
        if (!(error instanceof JudgeAgain)) throw error;
        await pauseBeforeJudgingAgain(exchange);
        i = steps.indexOf(gather as Step<never, unknown> as Step<unknown, unknown>) - 1;
      }
    }
  } catch (error) {
    refuse(exchange, error, deps);
  } finally {
    exchange.unlock?.();
    exchange.room?.free();
    exchange.leave?.();
  }
}

async function pauseBeforeJudgingAgain(exchange: Arrived): Promise<void> {
  exchange.retries += 1;
  exchange.judgedAgainAt ??= nowMs();
  if (nowMs() - exchange.judgedAgainAt > JUDGE_AGAIN_MS) {
    throw new Refusal("conflict", "the object changes faster than it can be judged", { next: "Try again." });
  }
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * exchange.retries));
}

function refuse(exchange: Arrived, error: unknown, deps: Deps): void {
  const known: Known = exchange;
  if (error instanceof UpstreamSaysNo) {
    passBack(known, error, deps);
    return;
  }
  if (error instanceof ClientGone || exchange.signal.aborted) {
    const gone = new Refusal("bad-request", "the client went away before an answer");
    const { response } = known;
    if (response !== undefined) known.cut = `${CLIENT_GONE} before it was answered`;
    deps.refusals.record(
      response === undefined ? refusedEvent(known, gone, 499) : outcomeEvent(known, response.status),
    );
    response?.abort(gone);
    exchange.res.destroy();
    return;
  }
  const refusal = toRefusal(error);
  // Every refusal names its decision, once there is one.
  refusal.details.decisionId ??= (known.decision ?? known.verdict)?.decisionId;
  if (known.response !== undefined) known.response.abort(refusal);
  if (refusal.code === "internal")
    deps.log.error("unexpected error", { exchange: exchange.id, error: refusal.details.cause });
  else if (refusal.status >= 500)
    deps.log.warn(refusal.message, { exchange: exchange.id, code: refusal.code, error: refusal.details.cause });
  const event = keepInput(refusedEvent(known, refusal, refusal.status), known, deps);
  if (known.sent !== true) keepRequest(event, known, deps);
  deps.refusals.record(isVerdict(refusal) ? withShadow(event, known, deps) : event);
  renderRefusal(exchange.res, refusal, exchange.id, exchange.warnings);
}

/** Whether it was policy that refused, and so what a candidate can be compared with. */
function isVerdict({ code }: Refusal): boolean {
  return code === "policy-denied" || code === "policy-failed" || code.startsWith("approval-");
}

/** The API server refused the dry run of this very request: its own words go back, as if it had been asked directly. */
function passBack(exchange: Known, refusal: UpstreamSaysNo, deps: Deps): void {
  const event = refusedEvent(exchange, refusal, refusal.status);
  event.payload = { ...event.payload, code: "refused-by-upstream" };
  event.rules = [];
  deps.recorder.record(keepInput(event, exchange, deps));
  renderStatus(exchange.res, refusal.status, refusal.answer, exchange.id, exchange.warnings);
}
