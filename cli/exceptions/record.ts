import type { RecordedDecision } from "../../proxy/backtest/recorded.ts";
import { parseWhen } from "../evidence/source.ts";
import { positive } from "../policy/positive.ts";
import { recordedDecisions } from "../policy/recorded-decisions.ts";

/** Where decisions are read from. */
export interface RecordFlags {
  input?: string;
  config?: string;
  since?: string;
  until?: string;
  limit: string;
  markdown?: true;
}

/** The decisions that the options of a command name, the latest first; `dialogues`: those about tool calls as well. */
export function decisionsOf(
  { input, config, since, until, limit }: RecordFlags,
  { dialogues = false } = {},
): AsyncGenerator<RecordedDecision> {
  const when = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseWhen(text, Date.now());
  return recordedDecisions({
    ...(config === undefined ? {} : { config }),
    ...(input === undefined ? {} : { input }),
    since: when(since),
    until: when(until),
    limit: positive("--limit", limit),
    dialogues,
  });
}
