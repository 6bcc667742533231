import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { createLog } from "../base/log.ts";
import { action } from "./action.ts";

interface UpOptions {
  once?: boolean;
  dir?: string;
  kubeconfig?: string;
  context?: string;
  port: string;
  approver: "approve" | "deny" | "you";
  rules?: string;
  output: "text" | "json";
}

export function register(program: Command): void {
  program
    .command("up")
    .description("start everything on this machine, play the tour, and stay up until Ctrl-C")
    .option("--once", "exit after the tour: 0 only if every outcome was seen")
    .option("--dir <folder>", "where state is kept; ./.sallyport, and with --once a temporary folder")
    .option("--kubeconfig <file>", "use this cluster instead of starting one (needs an administrator's rights)")
    .option("--context <name>", "use this context of it")
    .option("--port <port>", "port of the gateway; 0 takes a free one", "0")
    .option("--rules <folder>", "the Rego guardrails; those of this checkout where absent")
    .option("--approver <what>", "what alice does with what is held: approve, deny, or wait for you", "approve")
    .action(
      action<UpOptions>(async (_args, options) => {
        const { up } = await import("./up/up.ts");
        return up({
          ...options,
          port: Number(options.port),
          rules: options.rules ?? fileURLToPath(new URL("../rego", import.meta.url)),
          log: createLog((line) => process.stderr.write(line), "warn"),
        });
      }),
    );
}
