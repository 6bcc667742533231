import type { Command } from "commander";
import { type Answer, action, type GlobalOptions } from "./action.ts";
import type { VerifyCommand } from "./audit/verify.ts";
import { collect } from "./collect.ts";
import type { ExportOptions } from "./evidence/export.ts";
import { EXPORT_FORMATS_TEXT } from "./evidence/export-formats.ts";

interface QueryOptions extends GlobalOptions {
  config?: string;
  since?: string;
  until?: string;
  limit?: string;
  param: string[];
  sql?: string;
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
    .option("--sql <select>", "a question of one's own over the record's views, read-only and with limits")
    .action(action(query));

  audit
    .command("verify")
    .description("prove that an export, or the store, is what was recorded, and whole up to its newest checkpoint")
    .argument("[export]", "NDJSON, a folder or a zip, as export wrote it")
    .option("--key <file>", "a public key of checkpoints, PEM (repeat: all that ever signed)", collect, [])
    .option("--witness <place>", "notes kept elsewhere: a file, a folder or a git repository (repeat)", collect, [])
    .option("--tenant <name>", "whose record it has to be; the export's own word where absent")
    .option("--period", "NDJSON of a period: chains may begin before it (a pack says so itself)")
    .option("--config <file>", "sallyport.yaml: keys, witnesses and the store from there, while no gateway runs")
    .action(
      action<VerifyCommand>(async ([pack], options) => {
        const { verifyEvidence } = await import("./audit/verify.ts");
        return verifyEvidence({ ...options, pack });
      }),
    );

  audit
    .command("export")
    .description("a period of the whole record as a file, for auditors")
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .option("--since <time>", "24h, 2026-11-22, 2026-11-22T10:00:00Z; from the beginning where absent")
    .option("--until <time>", "up to then, and not including it")
    .option("--format <name>", EXPORT_FORMATS_TEXT, "ndjson")
    .option("--to <file>", "where to; - is standard output", "-")
    .option("--exchange <id>", "of asciicast: which exec")
    .action(
      action<ExportOptions & { since?: string; until?: string }>(async (_args, options) => {
        const { exportRecord } = await import("./evidence/export.ts");
        return exportRecord({ since: options.since, until: options.until }, options);
      }),
    );

  audit
    .command("forget")
    .description(
      "destroy the key of a person's fields on record: they can be read by nobody again, and the proofs stay valid",
    )
    .argument("<username>", "as it is on record, with its issuer's prefix")
    .requiredOption("--config <file>", "sallyport.yaml: audit.personal says where the keys are")
    .option("--yes", "do it; it cannot be undone")
    .action(
      action<{ config: string; yes?: boolean }>(async ([subject = ""], options) => {
        const { forgetSubject } = await import("./audit/forget.ts");
        return forgetSubject(subject, options);
      }),
    );

  audit
    .command("reconcile")
    .description(
      "compare the record with the API server's own audit log: calls that went around the gateway are listed",
    )
    .requiredOption("--api-audit <file>", "the API server's audit log, JSON lines")
    .requiredOption("--config <file>", "sallyport.yaml; the store is read directly, while no gateway runs")
    .option("--since <time>", "what either side has from then on, such as the first that a rotated log covers")
    .option("--until <time>", "up to then")
    .requiredOption(
      "--gateway-user <username>",
      "the gateway's account, as the API server names it (repeat)",
      collect,
      [],
    )
    .action(
      action<{ apiAudit: string; config: string; gatewayUser: string[]; since?: string; until?: string }>(
        async (_args, options) => {
          const { reconcileFiles } = await import("./audit/reconcile.ts");
          return reconcileFiles(options);
        },
      ),
    );
}

async function query([name]: string[], options: QueryOptions): Promise<Answer> {
  const { askRecord, askSql, listQuestions } = await import("./audit/query.ts");
  if (options.sql !== undefined) return askSql(name, { ...options, sql: options.sql });
  return name === undefined ? listQuestions() : askRecord(name, options);
}
