import type { Command } from "commander";
import { action } from "./action.ts";

export function register(program: Command): void {
  program
    .command("doctor")
    .description("check this machine's way to the gateway: configuration, network, clock, token, kubeconfig")
    .action(
      action(async () => {
        const { examine, renderChecks } = await import("./doctor/checks.ts");
        const checks = await examine(process.env);
        const failed = checks.some(({ result }) => result === "failed");
        return { json: { checks }, text: renderChecks(checks), exitCode: failed ? 1 : 0 };
      }),
    );
}
