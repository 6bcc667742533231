import { Refusal, toRefusal } from "../../base/errors.ts";
import { CLIENT_GONE, ClientGone } from "../step.ts";
import type { ModelDeps } from "./deps.ts";
import { refusedModelEvent } from "./events.ts";
import { dialectOf, type ModelArrived, type ModelKnown } from "./exchange.ts";
import { modelPath } from "./path.ts";
import { renderModelRefusal } from "./render-refusal.ts";
import { settleReservation } from "./steps/reserve.ts";

/** Runs a request to a model through its path. Whatever a step throws is a refusal: rendered once, recorded once. */
export async function runModel(exchange: ModelArrived, deps: ModelDeps): Promise<void> {
  try {
    await modelPath(exchange, deps);
  } catch (error) {
    refuse(exchange, error, deps);
  } finally {
    exchange.forget?.();
    settleReservation(exchange);
    exchange.room?.free();
    exchange.leave?.();
  }
}

function refuse(known: ModelKnown, error: unknown, deps: ModelDeps): void {
  const { res, id, response } = known;
  if (error instanceof ClientGone || known.signal.aborted) {
    const gone = new Refusal("bad-request", known.cut ?? CLIENT_GONE);
    deps.refusals.record({ ...refusedModelEvent(known, gone), status: 499 });
    response?.abort(gone);
    res.destroy();
    return;
  }
  const refusal = toRefusal(error);
  refusal.details.decisionId ??= known.decision?.decisionId;
  response?.abort(refusal);
  if (refusal.code === "internal") {
    deps.log.error("unexpected error", { exchange: id, error: refusal.details.cause });
  } else if (refusal.status >= 500) {
    deps.log.warn(refusal.message, { exchange: id, code: refusal.code, error: refusal.details.cause });
  }
  deps.refusals.record(refusedModelEvent(known, refusal));
  renderModelRefusal(res, dialectOf(known), refusal, id);
}
