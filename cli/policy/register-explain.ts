import type { Command } from "commander";
import { action } from "../action.ts";
import { collect } from "../collect.ts";
import type { BacktestOptions } from "./backtest.ts";
import type { ExplainCommandOptions } from "./explain.ts";
import type { ReportOptions } from "./report.ts";

/** The options that name the policy to judge by. */
export function withCandidate(command: Command): Command {
  return command
    .option("--bundle <file>", "a built bundle, in place of the rules that come with sallyport")
    .option("--rules <folder>", "a folder of rules, with the library's (repeat)", collect, [])
    .option("--guardrails <file>", "guardrails.yaml; the profile baseline where absent")
    .option("--profile <name>", "guardrails of this profile alone");
}

export function registerExplain(policy: Command): void {
  withCandidate(
    policy
      .command("explain")
      .description("why a request is allowed, held or denied, and what would make it pass; no cluster is asked")
      .argument("[kubectl...]", "behind `--`: a kubectl command line, such as `create -f pod.yaml -n shop`")
      // kubectl's own options are none of ours.
      .showHelpAfterError("next: Put a kubectl command line behind --: `policy explain -- kubectl apply -f pod.yaml`."),
  )
    .option("--batch [file]", "NDJSON requests on stdin, NDJSON answers on stdout")
    .option("--request <method path...>", "the request itself: METHOD and PATH")
    .option("--body <file>", "its body")
    .option("--content-type <type>", "of the body; by the file's name where absent")
    .option("--file <file>", "a request as JSON: {method, path, body, oldObject, user …}")
    .option("--old-object <file>", "what is stored, YAML or JSON")
    .option("--decision <id>", "a decision on record, judged by the policy that is named here")
    .option("--config <file>", "with --decision: read the store directly, on the gateway's host")
    .option("--user <username>", "who asks, with the issuer's prefix")
    .option("--group <name>", "a group of theirs (repeat)", collect, [])
    .option("--connection <name>", "through which connection")
    .option("--namespace-label <key=value>", "a label of the namespace (repeat)", collect, [])
    .action(
      action<ExplainCommandOptions>(async (args, options) => {
        const { explainCommand } = await import("./explain.ts");
        return explainCommand(args, options);
      }),
    );
}

/** What another policy would make of what is on record. */
export function registerBacktest(policy: Command): void {
  withCandidate(
    policy
      .command("backtest")
      .description("what another policy would have decided otherwise of what is on record, with real requests"),
  )
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .option("--input <file>", "read NDJSON that --export wrote")
    .option("--since <time>", "24h, 2026-11-22, 2026-11-22T10:00:00Z")
    .option("--until <time>", "up to then")
    .option("--limit <n>", "at most so many decisions, the latest first", "100000")
    .option("--examples <n>", "requests that are shown of each change", "5")
    .option("--export <file>", "also write what was read as NDJSON, for --input")
    .option("--markdown", "for a comment at a pull request")
    .option("--fail-on-change", "exit 1 where any decision would be another one")
    .action(
      action<BacktestOptions>(async (_args, options) => {
        const { backtestCommand } = await import("./backtest.ts");
        return backtestCommand(options);
      }),
    );
  withCandidate(
    policy
      .command("report")
      .description(
        "by namespace, what a policy would have stopped of what is on record: the way from observe to enforcing",
      ),
  )
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .option("--input <file>", "read NDJSON that `policy backtest --export` wrote")
    .option("--since <time>", "24h, 2026-11-22, 2026-11-22T10:00:00Z")
    .option("--until <time>", "up to then")
    .option("--limit <n>", "at most so many decisions, the latest first", "100000")
    .action(
      action<ReportOptions>(async (_args, options) => {
        const { reportCommand } = await import("./report.ts");
        return reportCommand(options);
      }),
    );
}
