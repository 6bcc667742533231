import { type Clock, systemClock } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";
import { uuid7 } from "../../base/uuid7.ts";
import type { Decision, Policy } from "../../engine/decision.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { SessionValues } from "../../engine/mask/session-values.ts";
import { decodeBodyAside } from "../../kubernetes/body/decode-aside.ts";
import { maskerOf, refuseUnmaskableWrite } from "../answer/unmaskable-write.ts";
import { isFinalDeny } from "../deny.ts";
import { checkDoor } from "../listener/door.ts";
import { type Question, questionOf } from "../question.ts";
import { isRead } from "../steps/read-body.ts";
import { requireLabels, takeFacts } from "./facts.ts";
import { askingOf, type ExplainRequest } from "./request.ts";

export type { ExplainRequest } from "./request.ts";

export interface Explanation {
  /** Policy's question as it was answered; undefined where classification refused the request. */
  input: PolicyInput | undefined;
  decision: Decision;
}

export interface ExplainOptions {
  /** Bytes of a body: 3 MiB, as `limits.bodyBytes`, where absent. */
  bodyBytes?: number;
  clock?: Clock;
}

const BODY_BYTES = 3 * 1024 * 1024;
/** Values that are masked anywhere are fingerprinted with it, and nobody sees those. */
const NO_KEY = Buffer.alloc(32);

/**
 * What the gateway would answer to a request, by its own steps and with no cluster: the same door, classification,
 * decoding, stages and refusals, with the facts that the request brings in the place of those that are gathered.
 * For a create and an update the body is the outcome; a patch is applied to `oldObject`. What the gateway refuses
 * before policy is a deny of the rule `request/<code>`. Never throws for what a request may hold.
 */
export async function explain(
  request: ExplainRequest,
  policy: Policy,
  options: ExplainOptions = {},
): Promise<Explanation> {
  const now = (options.clock ?? systemClock).now();
  let question: Question | undefined;
  try {
    const asking = askingOf(request, now);
    checkDoor(asking.req);
    question = questionOf(asking, asking.upgrades, now);
    const decision = await judge(question, request, policy, options.bodyBytes ?? BODY_BYTES);
    return { input: question.input, decision };
  } catch (error) {
    // The stack's end: what the request brings beside its body has been through no reader that counts.
    const refusal =
      error instanceof RangeError ? new Refusal("outcome-unknown", "what is stored is nested too deep") : error;
    if (!(refusal instanceof Refusal)) throw error;
    return { input: question?.input, decision: refused(refusal, policy) };
  }
}

/** The steps from `screen` to `decide`, each of which may be the last. */
async function judge(
  { attributes, input }: Question,
  request: ExplainRequest,
  policy: Policy,
  bodyBytes: number,
): Promise<Decision> {
  if (request.exceptions !== undefined) input.exceptions = request.exceptions;
  if (request.dialogue !== undefined) input.dialogue = request.dialogue;
  const needs = policy.needs(input);
  if (needs.has("namespaceLabels") && request.namespaceLabels !== undefined && input.request.namespace !== "") {
    input.namespaceLabels = request.namespaceLabels;
  }
  const verdict = await policy.decide(input);
  if (isFinalDeny(verdict, policy, needs.size === 0 ? "all" : new Set(["namespaceLabels"]))) return verdict;
  if (verdict.effect !== "deny") requireLabels({ needs, input, verdict });

  const bytes = request.body ?? new Uint8Array(0);
  const read = bytes.length > 0 && isRead({ needs, verdict, attributes });
  const body = read ? await decodeBodyAside(attributes, attributes.contentType, bytes, { bodyBytes }) : null;
  if (body !== null) {
    input.request.options = body.options;
    input.request.dryRun = body.dryRun;
  }
  const early = await takeFacts({ attributes, input, body, needs, verdict, request, policy, masked });
  if (early !== undefined) return early;
  const known = needs.size === 0 && body === null && verdict.effect === "allow";
  const decision = known ? verdict : await policy.decide(input);
  masked(decision);
  return decision;

  /** What the gateway refuses of a write, because the caller is not shown what it would touch. */
  function masked(decided: Decision): void {
    if (decided.effect === "deny") return;
    const knownValues = new SessionValues();
    const masker = maskerOf({ attributes, session: { id: "" } }, decided, { hmacKey: NO_KEY, knownValues });
    if (masker !== undefined) refuseUnmaskableWrite({ body, attributes }, decided, masker);
  }
}

/** A refusal as policy's answer: the rules are those that the refusal names, or its own code. */
function refused({ code, message, details }: Refusal, policy: Policy): Decision {
  const causes = details.causes ?? [{ rule: `request/${code}`, message }];
  return {
    decisionId: details.decisionId ?? uuid7(),
    revision: policy.revision,
    effect: "deny",
    findings: causes.map((cause) => ({
      rule: cause.rule,
      effect: "deny",
      message: cause === causes[0] && details.causes === undefined ? message : cause.message,
      severity: "high",
      ids: [],
      fields: cause.field === undefined ? [] : [cause.field],
      privileged: false,
      absolute: true,
    })),
    approval: null,
    mask: [],
    record: "Metadata",
  };
}
