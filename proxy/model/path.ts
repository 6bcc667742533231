import { openSession } from "../steps/open-session.ts";
import type { ModelDeps } from "./deps.ts";
import type { ModelArrived } from "./exchange.ts";
import { keepReplyOpen } from "./keep-reply-open.ts";
import { answerDenied } from "./steps/answer-denied.ts";
import { classify } from "./steps/classify.ts";
import { decide } from "./steps/decide.ts";
import { forward } from "./steps/forward.ts";
import { guard } from "./steps/guard.ts";
import { identify } from "./steps/identify.ts";
import { read } from "./steps/read.ts";
import { checkRecalled, recall } from "./steps/recall.ts";
import { recordPrompt } from "./steps/record-prompt.ts";
import { recordReply } from "./steps/record-reply.ts";
import { redact } from "./steps/redact.ts";
import { reserve, settle } from "./steps/reserve.ts";

/**
 * The model side of the data path, in the order that its safety stands on: nothing is read before the caller is known, nothing
 * leaves before it was searched for secrets, decided, within its budgets and put on record, and no tool call reaches the client before policy saw it.
 */
export async function modelPath(exchange: ModelArrived, deps: ModelDeps): Promise<void> {
  const identified = openSession(await identify(exchange, deps), deps);
  const asked = answerDenied(recall(await redact(await read(classify(identified), deps), deps), deps), deps);
  const decided = checkRecalled(await decide(asked, deps));
  const recorded = recordPrompt(reserve(decided, deps), deps);
  recordReply(settle(await guard(await forward(keepReplyOpen(recorded, deps)), deps)), deps);
}
