import { UserError } from "../../base/errors.ts";
import {
  backtestExceptions,
  type ExceptionBacktest,
  type ExceptionsReport,
} from "../../proxy/backtest/exception-backtest.ts";
import type { Answer } from "../action.ts";
import { type CandidateOptions, openCandidate } from "../policy/candidate.ts";
import { cell, code } from "../policy/markdown.ts";
import { positive } from "../policy/positive.ts";
import { withProgress } from "../progress.ts";
import { printable } from "../style.ts";
import { standingExceptions } from "./files.ts";
import { decisionsOf, type RecordFlags } from "./record.ts";

export type BacktestFlags = CandidateOptions & RecordFlags & { examples: string };

/** `sallyport exceptions backtest`: what files would have let through, each by itself. */
export async function backtestFiles(named: readonly string[], flags: BacktestFlags): Promise<Answer> {
  const examples = positive("--examples", flags.examples);
  const exceptions = await standingExceptions(named);
  if (exceptions.length === 0) throw new UserError("there is no file to backtest", { exitCode: 2 });
  const report = await withProgress("compiling rules", async (progress) => {
    const { policy } = await openCandidate(flags);
    progress.update("judging what is on record");
    return backtestExceptions(decisionsOf(flags), exceptions, policy, { examples });
  });
  return { json: report, text: flags.markdown === true ? markdown(report) : text(report) };
}

/** What it would have let through first; then why that is not all that it is for. */
function counts(one: ExceptionBacktest): string {
  const parts = [
    `would have let through ${one.through}`,
    ...(one.unmasked > 0 ? [`shown unmasked ${one.unmasked}`] : []),
    `of ${one.matched} requests that it is for`,
    ...(one.people > 0 ? [`by ${one.who.join(", ")}${one.people > one.who.length ? " and others" : ""}`] : []),
    ...(one.stopped > 0 ? [`${one.stopped} stay stopped by other rules`] : []),
    ...(one.idle > 0 ? [`${one.idle} were not stopped by its rules`] : []),
    ...(one.unknown > 0 ? [`of ${one.unknown} it is not on record what it would do`] : []),
    ...(one.byFindings > 0 ? [`${one.byFindings} by what was found then`] : []),
  ];
  return parts.join("; ");
}

function text({ judged, exceptions }: ExceptionsReport): string {
  const lines = [`${judged} decisions on record`];
  for (const one of exceptions) {
    lines.push("", `${one.name}: ${counts(one)}`);
    for (const { decisionId, at, who, what, lifted, left } of one.examples) {
      const rest = left.length === 0 ? "" : `; stopped all the same by ${left.join(", ")}`;
      lines.push(`  ${at} ${who}: ${what}  [${decisionId}]`, `    lifts ${lifted.join(", ")}${rest}`);
    }
  }
  return lines.map(printable).join("\n");
}

function markdown({ judged, exceptions }: ExceptionsReport): string {
  const lines = ["### Backtest of exceptions", "", `${judged} decisions on record.`];
  for (const one of exceptions) {
    lines.push(
      "",
      `<details${one.through + one.unmasked > 0 ? " open" : ""}><summary>${code(one.name)}: ${cell(counts(one))}</summary>`,
      "",
    );
    if (one.examples.length > 0)
      lines.push("| When | Who | What | Lifts | Stopped all the same by | Decision |", "|---|---|---|---|---|---|");
    for (const { decisionId, at, who, what, lifted, left } of one.examples) {
      lines.push(
        `| ${[cell(at.slice(0, 19)), code(who), code(what), cell(lifted.join(", ")), cell(left.join(", ")), code(decisionId)].join(" | ")} |`,
      );
    }
    lines.push("", "</details>");
  }
  return `${lines.join("\n")}\n`;
}
