import { type Candidates, matchOf, type StandingQuestion, settled } from "../approvals/standing/standing.ts";
import type { Need, Policy } from "../engine/decision.ts";
import type { PolicyInput } from "../engine/input.ts";
import type { Deps } from "./deps.ts";
import type { Classified, Cleared } from "./exchange.ts";
import type { HomeTime } from "./hold/home-time.ts";

/**
 * The policy that judges this exchange, with the standing exceptions that may apply put into its question. One that
 * goes by the object's name or labels comes into it as soon as these are known, so that what it lifts is no final deny
 * before then.
 */
export function withExceptions(exchange: Classified, policy: Policy, deps: Pick<Deps, "approvals">): Policy {
  const { input } = exchange;
  const found = deps.approvals.standing.candidates(input);
  putExceptions(input, found);
  return found.open.length === 0 ? policy : waiting(policy, found);
}

/** The same question as it would be asked now, with those exceptions of its own that still stand. */
export function askedAgain(input: PolicyInput, now: string, deps: Pick<Deps, "approvals">): PolicyInput {
  if (input.exceptions.length === 0) return { ...input, now };
  const asked = { ...input, now };
  putExceptions(asked, deps.approvals.standing.standing(input, new Set(input.exceptions.map(({ name }) => name))));
  return asked;
}

/**
 * Spends a use of each standing exception that let this request through and counts its uses. False where one was
 * spent by others meanwhile: it is out of the question then, which must be judged again.
 */
export async function spendStanding(exchange: Cleared, home: HomeTime, deps: Deps): Promise<boolean> {
  const lifting = new Set(exchange.decision.findings.map(({ exception }) => exception));
  for (const name of lifting) {
    if (name === undefined) continue;
    if (await home.of("use a standing exception", () => deps.approvals.standing.use(name, exchange.firstId))) continue;
    exchange.input.exceptions = exchange.input.exceptions.filter((one) => one.name !== name);
    return false;
  }
  return true;
}

function putExceptions(input: PolicyInput, { sure, open }: Candidates): void {
  if (sure.length === 0 && open.length === 0 && input.exceptions.length === 0) return;
  input.exceptions = [...sure, ...open.filter((one) => settled(one, input as StandingQuestion))].map(matchOf);
}

/** A policy that asks for the facts which open exceptions go by, and settles them with each question. */
function waiting(policy: Policy, found: Candidates): Policy {
  const labelled = found.open.filter(({ match }) => match.labels !== undefined);
  const of = (exceptions: Candidates["open"]): Set<string> => new Set(exceptions.flatMap(({ rules }) => rules));
  const [byName, byLabels] = [of(found.open), of(labelled)];
  return {
    revision: policy.revision,
    ...(policy.digest === undefined ? {} : { digest: policy.digest }),
    needs(input) {
      const needs = new Set(policy.needs(input));
      const { operation, verb } = input.request;
      if (operation === "CREATE" || operation === "UPDATE") needs.add("object");
      if (labelled.length > 0 && operation === "CONNECT") needs.add("object");
      if (labelled.length > 0 && (operation === "DELETE" || operation === "UPDATE") && verb !== "deletecollection") {
        needs.add("oldObject");
      }
      return needs;
    },
    needsOf(rule) {
      const more: Need[] = byLabels.has(rule) ? ["object", "oldObject"] : byName.has(rule) ? ["object"] : [];
      return [...policy.needsOf(rule), ...more];
    },
    describe: (rule) => policy.describe(rule),
    decide(input) {
      if (input.request !== undefined) putExceptions(input, found);
      return policy.decide(input);
    },
  };
}
