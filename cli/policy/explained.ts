import type { Policy } from "../../engine/decision.ts";
import { whyEffects } from "../../engine/why-effect.ts";
import type { ExplainRequest, Explanation } from "../../proxy/explain/explain.ts";
import type { Candidate } from "./candidate.ts";
import { explainedFindings, type Lifted, renderExplanation } from "./render-explanation.ts";

export interface Explained {
  json: Record<string, unknown>;
  text: string;
}

/** An explanation with why each rule has its effect, and whether exceptions would make the request pass. */
export async function explained(
  request: Pick<ExplainRequest, "method" | "path">,
  explanation: Explanation,
  candidate: Candidate,
): Promise<Explained> {
  const { decision, input } = explanation;
  const { policy, bundle, guardrails, name } = candidate;
  const found = input !== undefined && decision.findings.length > 0;
  const why = found ? await whyEffects(bundle, guardrails, input) : new Map();
  const findings = explainedFindings(explanation, candidate, why);
  const lifted = await withExceptions(explanation, policy);
  const { effect, mask, record, revision, approval } = decision;
  return {
    json: {
      request: { method: request.method, path: request.path },
      revision,
      effect,
      findings,
      approval,
      mask,
      record,
      ...(lifted === undefined ? {} : { withExceptions: lifted }),
    },
    text: renderExplanation(request, explanation, findings, { name, lifted }),
  };
}

/** The policy is asked again with an exception for each rule that stops the request; undefined where none does. */
async function withExceptions({ decision, input }: Explanation, policy: Policy): Promise<Lifted | undefined> {
  const stops = decision.findings.filter(({ effect, rule }) => {
    return (effect === "deny" || effect === "hold") && !rule.startsWith("request/");
  });
  if (input === undefined || stops.length === 0) return undefined;
  const rules = [...new Set(stops.map(({ rule }) => rule))];
  const exceptions = [...input.exceptions, { name: "asked", rules, unmask: false }];
  const { effect } = await policy.decide({ ...input, exceptions });
  return { rules, effect };
}
