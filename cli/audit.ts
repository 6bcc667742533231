import type { Command } from "commander";
import { type Answer, action, type GlobalOptions } from "./action.ts";
import { collect } from "./collect.ts";

interface QueryOptions extends GlobalOptions {
  config?: string;
  since?: string;
  until?: string;
  limit?: string;
  param: string[];
}

export function register(program: Command): void {
  const audit = program.command("audit").description("ask the record, and prove it");
  audit
    .command("query")
    .description("ask a named question, for auditors; lists the questions and their parameters where none is named")
    .argument("[name]")
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .option("--since <time>", "24h, 2026-11-22, 2026-11-22T10:00:00Z")
    .option("--until <time>", "up to then")
    .option("--limit <n>", "at most so many rows")
    .option("--param <name=value>", "a parameter of the question (repeat)", collect, [])
    .action(action(query));

  audit
    .command("reconcile")
    .description(
      "compare the record with the API server's own audit log: calls that went around the gateway are listed",
    )
    .requiredOption("--api-audit <file>", "the API server's audit log, JSON lines")
    .requiredOption("--config <file>", "sallyport.yaml; the store is read directly, while no gateway runs")
    .requiredOption(
      "--gateway-user <username>",
      "the gateway's account, as the API server names it (repeat)",
      collect,
      [],
    )
    .action(
      action<{ apiAudit: string; config: string; gatewayUser: string[] }>(async (_args, options) => {
        const { reconcileFiles } = await import("./audit/reconcile.ts");
        return reconcileFiles(options);
      }),
    );
}

async function query([name]: string[], options: QueryOptions): Promise<Answer> {
  const { askRecord, listQuestions } = await import("./audit/query.ts");
  return name === undefined ? listQuestions() : askRecord(name, options);
}
