import type { Effect } from "../../base/config/guardrails.ts";
import { type StoppedInNamespace, type StopReport, wouldStop } from "../../proxy/backtest/would-stop.ts";
import type { Answer } from "../action.ts";
import { parseWhen } from "../evidence/source.ts";
import { withProgress } from "../progress.ts";
import { printable } from "../style.ts";
import { type Candidate, type CandidateOptions, openCandidate } from "./candidate.ts";
import { positive } from "./positive.ts";
import { recordedDecisions } from "./recorded-decisions.ts";

export interface ReportOptions extends CandidateOptions {
  config?: string;
  input?: string;
  since?: string;
  until?: string;
  limit: string;
}

/** `sallyport policy report`: by namespace, what the policy that is named here would have stopped. */
export async function reportCommand(options: ReportOptions): Promise<Answer> {
  const when = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseWhen(text, Date.now());
  const { config, input } = options;
  const recorded = {
    ...(config === undefined ? {} : { config }),
    ...(input === undefined ? {} : { input }),
    since: when(options.since),
    until: when(options.until),
    limit: positive("--limit", options.limit),
  };
  return withProgress("compiling rules", async (progress) => {
    const candidate = await openCandidate(options);
    progress.update("judging what is on record");
    const report = await wouldStop(recordedDecisions(recorded), candidate.policy, effects(candidate));
    return { json: report, text: render(report, candidate.name) };
  });
}

const STRENGTH: Effect[] = ["allow", "record", "mask", "hold", "deny"];

/**
 * What a rule's finding comes to where only the finding is on record: by the profiles and `rules` of the guardrails.
 * A scope is not looked at, since whether it applies may depend on what is not on record either.
 */
function effects({ bundle, guardrails }: Candidate): (rule: string) => Effect {
  return (id) => {
    const set = guardrails.rules[id];
    if (set?.effect !== undefined) return set.effect;
    const rule = Object.hasOwn(bundle.rules, id) ? bundle.rules[id] : undefined;
    if (rule === undefined) return "allow";
    const baseline = set?.params === undefined ? rule.effect : (rule.effectWithParams ?? rule.effect);
    const by = guardrails.profiles.map((profile): Effect => {
      if (profile === "observe") return "record";
      return rule.profiles?.[profile] ?? (profile.startsWith("pod-security/") ? "allow" : baseline);
    });
    return by.reduce((a, b) => (STRENGTH.indexOf(b) > STRENGTH.indexOf(a) ? b : a), "allow");
  };
}

function render({ namespaces, unknown }: StopReport, name: string): string {
  const decisions = namespaces.reduce((sum, row) => sum + row.decisions, 0);
  const stopped = namespaces.reduce((sum, { denied, held }) => sum + denied + held, 0);
  const lines = [`${stopped} of ${decisions} decisions would have been stopped by ${name}`];
  for (const row of namespaces) if (row.denied + row.held > 0) lines.push("", ...renderNamespace(row));
  const quiet = namespaces
    .filter(({ denied, held, unknown: untold }) => denied + held + untold === 0)
    .map(({ namespace }) => nameOf(namespace));
  if (quiet.length > 0) lines.push("", `nothing would have been stopped in ${quiet.join(", ")}`);
  if (unknown > 0) {
    const where = namespaces.filter((row) => row.unknown > 0).map(({ namespace }) => nameOf(namespace));
    lines.push("", `of ${unknown} decisions, in ${where.join(", ")}, nothing is on record to judge them by`);
  }
  return lines.map(printable).join("\n");
}

const nameOf = (namespace: string): string => (namespace === "" ? "(cluster)" : namespace);

function renderNamespace({ namespace, decisions, denied, held, rules }: StoppedInNamespace): string[] {
  return [
    `${nameOf(namespace)}: ${denied} denied, ${held} held, of ${decisions}`,
    ...rules.map(({ rule, effect, count, who, example, by }) => {
      const objects = by === "found" ? ", by what it found then" : "";
      return `  ${effect} ${rule}: ${count}${objects}; ${who.join(", ")}; such as ${example}`;
    }),
  ];
}
