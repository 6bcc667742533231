import { type BacktestReport, backtest } from "../../proxy/backtest/backtest.ts";
import type { Answer } from "../action.ts";
import { parseWhen } from "../evidence/source.ts";
import { withProgress } from "../progress.ts";
import { type CandidateOptions, openCandidate } from "./candidate.ts";
import { positive } from "./positive.ts";
import { recordedDecisions } from "./recorded-decisions.ts";
import { renderMarkdown, renderText } from "./render-backtest.ts";

export interface BacktestOptions extends CandidateOptions {
  config?: string;
  input?: string;
  since?: string;
  until?: string;
  limit: string;
  examples: string;
  export?: string;
  markdown?: true;
  failOnChange?: true;
}

/** `sallyport policy backtest`: what the policy that is named here would have decided otherwise. */
export async function backtestCommand(options: BacktestOptions): Promise<Answer> {
  const when = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseWhen(text, Date.now());
  const recorded = {
    ...(options.config === undefined ? {} : { config: options.config }),
    ...(options.input === undefined ? {} : { input: options.input }),
    since: when(options.since),
    until: when(options.until),
    limit: positive("--limit", options.limit),
    export: options.export,
  };
  const examples = positive("--examples", options.examples);
  const { report, name } = await withProgress("compiling rules", async (progress) => {
    const candidate = await openCandidate(options);
    progress.update("judging what is on record");
    return {
      report: await backtest(recordedDecisions(recorded), candidate.policy, { examples }),
      name: candidate.name,
    };
  });
  return answerOf(report, name, options);
}

function answerOf(report: BacktestReport, name: string, options: BacktestOptions): Answer {
  // Nobody looked at what could not be judged: that is no answer that nothing changes.
  const unsure = report.changed > 0 || report.judged === 0;
  return {
    json: report,
    text: options.markdown === true ? renderMarkdown(report, name) : renderText(report, name),
    exitCode: options.failOnChange === true && unsure ? 1 : 0,
  };
}
