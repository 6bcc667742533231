import { matchOf, type StandingQuestion } from "../../approvals/standing/standing.ts";
import type { Decision } from "../../engine/decision.ts";
import type { DialogueInput } from "../../engine/input.ts";
import { HomeTime } from "../hold/home-time.ts";
import type { ModelDeps } from "./deps.ts";

/**
 * What standing exceptions match a question about a dialogue with: as a proposal of a tool call has it, the verb is `tool` and
 * the resource the tool's name, of no group and in no namespace. Of the dialogue itself they are `dialogue` and the model's.
 */
function standingQuestion({ connection, user, tool, dialogue }: DialogueInput): StandingQuestion {
  const [verb, resource] = tool === undefined ? ["dialogue", dialogue?.model ?? ""] : ["tool", tool.name];
  return {
    connection,
    user,
    request: {
      verb,
      operation: "",
      resource: { group: "", resource },
      subResource: "",
      nonResource: false,
      namespace: "",
      name: "",
    },
  };
}

/** The question with the standing exceptions that apply to it; `without` names those that others have used up meanwhile. */
export function withStanding(
  question: DialogueInput,
  { approvals }: Pick<ModelDeps, "approvals">,
  without: ReadonlySet<string> = new Set(),
): DialogueInput {
  // There is no object whose name or labels could make an open one sure.
  const { sure } = approvals.standing.candidates(standingQuestion(question));
  const left = sure.filter(({ name }) => !without.has(name));
  return left.length === 0 ? question : { ...question, exceptions: left.map(matchOf) };
}

/** The same as it would be asked now of what these exceptions let begin: those that still stand, used up or not. */
export function stillStanding(
  question: DialogueInput,
  names: ReadonlySet<string>,
  { approvals }: Pick<ModelDeps, "approvals">,
): DialogueInput {
  if (names.size === 0) return question;
  return { ...question, exceptions: approvals.standing.standing(standingQuestion(question), names).sure.map(matchOf) };
}

/** Names of the exceptions that a verdict stands on. */
export function exceptionsOf({ findings }: Pick<Decision, "findings">): Set<string> {
  return new Set(findings.flatMap(({ exception }) => (exception === undefined ? [] : [exception])));
}

/**
 * Spends a use of each exception that a verdict stands on and that counts its uses; one and the same `use` spends one, however
 * often it asks. Returns the name of one whose last use others spent meanwhile: what it lifted must be judged again without it.
 * Throws Refusal `approvals-unavailable`.
 */
export async function spendStanding(
  decision: Pick<Decision, "findings">,
  use: string,
  { approvals, log }: Pick<ModelDeps, "approvals" | "log">,
): Promise<string | undefined> {
  const home = new HomeTime(log);
  for (const name of exceptionsOf(decision)) {
    if (!(await home.of("use a standing exception", () => approvals.standing.use(name, use)))) return name;
  }
  return undefined;
}
