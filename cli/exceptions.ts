import type { Command } from "commander";
import { type Answer, action, type GlobalOptions } from "./action.ts";
import { collect } from "./collect.ts";
import type { BacktestFlags } from "./exceptions/backtest.ts";
import type { CheckFlags } from "./exceptions/check.ts";
import type { NewFlags } from "./exceptions/new.ts";
import type { ReportFlags } from "./exceptions/report.ts";
import { withProgress } from "./progress.ts";

const FILES = "exceptions/<name>.yaml, or folders of them";

export function register(program: Command): void {
  const exceptions = program
    .command("exceptions")
    .description("standing exceptions: what may pass without being asked, for whom, and until when");

  exceptions
    .command("new")
    .description("write the narrowest exception that would have let a decision's request through")
    .requiredOption("--from <decision>", "the decision's id: it is in the refusal's message")
    .option("--name <name>", "of the exception and its file; from its rule and object where absent")
    .option("--owner <principal>", "user:<username> or group:<group> that answers for it; who asks where absent")
    .option("--reason <text>", "why it is needed; reviewers read it")
    .option("--days <n>", "how long it stands; 30, or what the guardrails allow if that is less")
    .option("--max-uses <n>", "how often it may be used; without limit where absent")
    .option("--unmask", "show what a rule masks as well")
    .option("--guardrails <file>", "whose limits it keeps; those in force at the gateway where absent")
    .option("--out <file>", "a file that is not there yet; stdout where absent")
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .action(
      action<NewFlags>(async (_args, options) => {
        const { newException } = await import("./exceptions/new.ts");
        return newException(options);
      }),
    );

  exceptions
    .command("list")
    .description("those in force at the gateway that name you; all of them for approvers and auditors")
    .action(
      action(async () => {
        const { list } = await import("./exceptions/client.ts");
        return list();
      }),
    );

  withRules(
    exceptions
      .command("check")
      .description("say what is wrong with files, with no gateway: their form, and what the guardrails allow")
      .argument("<files...>", FILES),
  )
    .option("--people <file>", "YAML with the people of sallyport.yaml: an owner must be one of them")
    .option("--config <file>", "sallyport.yaml, for its people and its guardrails")
    .action(
      action<CheckFlags>(async (files, options) => {
        const { check } = await import("./exceptions/check.ts");
        return check(files, options);
      }),
    );

  exceptions
    .command("apply")
    .description("take files into force at a gateway that keeps its exceptions itself (approvals.home embedded)")
    .argument("<files...>", FILES)
    .requiredOption("--reason <text>", "why; it is put on record")
    .option("-y, --yes", "don't show them and ask first")
    .action(
      action<GlobalOptions & { reason: string; yes?: true }>(async (files, options): Promise<Answer> => {
        const { apply } = await import("./exceptions/client.ts");
        return apply(files, options);
      }),
    );

  exceptions
    .command("revoke")
    .description("take one back, at every replica; what stands on it is decided again")
    .argument("<name>")
    .requiredOption("--reason <text>", "why; it is put on record")
    .action(
      action<GlobalOptions & { reason: string }>(async ([name = ""], { reason }) => {
        const { revoke } = await import("./exceptions/client.ts");
        return revoke(name, reason);
      }),
    );

  withRecord(
    exceptions
      .command("report")
      .description("which were never used, end soon, or are wider than their use, by what is on record")
      .argument("[files...]", `${FILES}; those in force at the gateway where none is named`),
  )
    .option("--expiring <time>", "what ends within this is said to end soon", "14d")
    .action(
      action<ReportFlags>(async (files, options) => {
        const { report } = await import("./exceptions/report.ts");
        return withProgress("reading what is on record", () => report(files, options));
      }),
    );

  withRecord(
    withRules(
      exceptions
        .command("backtest")
        .description("what files would have let through of what is on record, with real requests")
        .argument("<files...>", FILES),
    ),
  )
    .option("--bundle <file>", "a built bundle, in place of rules")
    .option("--profile <name>", "in place of guardrails")
    .option("--examples <n>", "requests that are shown of each exception", "5")
    .action(
      action<BacktestFlags>(async (files, options) => {
        const { backtestFiles } = await import("./exceptions/backtest.ts");
        return backtestFiles(files, options);
      }),
    );
}

function withRules(command: Command): Command {
  return command
    .option("--rules <folder>", "rules of your own, beside those that come with sallyport (repeat)", collect, [])
    .option("--guardrails <file>", "guardrails.yaml; its defaults where absent");
}

function withRecord(command: Command): Command {
  return command
    .option("--input <file>", "read NDJSON that `policy backtest --export` wrote")
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .option("--since <time>", "24h, 2026-11-22, 2026-11-22T10:00:00Z", "30d")
    .option("--until <time>", "up to then")
    .option("--limit <n>", "at most so many decisions, the latest first", "100000")
    .option("--markdown", "for a comment at a pull request");
}
