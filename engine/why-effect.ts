import type { Effect, Guardrails } from "../base/config/guardrails.ts";
import type { Bundle } from "./bundle/bundle.ts";
import type { PolicyInput } from "./input.ts";
import { createPolicy } from "./policy.ts";

/** One layer of the guardrails that gave a rule its effect, or changed it. */
export interface EffectStep {
  /** `profile baseline`, `rules`, `scope payments`. */
  layer: string;
  effect: Effect;
}

/** More scopes than this are told as one layer: each layer is a policy of its own. */
const SCOPES = 20;

/**
 * Why each rule that found something has its effect: the policy is asked again with ever more of the guardrails
 * (its profiles, then `rules`, then scope by scope), so that the answer is Rego's own and not another reading of
 * guardrails.yaml. By rule id; a rule that no profile stops begins with `allow`.
 */
export async function whyEffects(
  bundle: Bundle,
  guardrails: Guardrails,
  input: PolicyInput,
): Promise<Map<string, EffectStep[]>> {
  const found = new Map<string, EffectStep[]>();
  const bare: Guardrails = { ...guardrails, rules: {}, scopes: [] };
  const layers: [string, Guardrails][] = [
    [`profile ${guardrails.profiles.join(", ")}`, bare],
    ["rules", { ...bare, rules: guardrails.rules }],
  ];
  const scopes = guardrails.scopes.length > SCOPES ? [] : guardrails.scopes;
  for (const [i, scope] of scopes.entries()) {
    layers.push([`scope ${scope.name}`, { ...guardrails, scopes: guardrails.scopes.slice(0, i + 1) }]);
  }
  if (guardrails.scopes.length > SCOPES) layers.push([`the ${guardrails.scopes.length} scopes`, guardrails]);
  for (const [layer, some] of layers) {
    const policy = await createPolicy({ bundle, guardrails: some });
    const { findings } = await policy.decide(input);
    for (const { rule, effect } of findings) {
      const steps = found.get(rule) ?? [];
      if (steps.at(-1)?.effect !== effect) steps.push({ layer, effect });
      found.set(rule, steps);
    }
  }
  return found;
}
