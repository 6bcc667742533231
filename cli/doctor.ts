import type { Command } from "commander";
import { action } from "./action.ts";

interface Options {
  contained?: boolean;
  root?: string;
}

export function register(program: Command): void {
  program
    .command("doctor")
    .description("check this machine's way to the gateway, and in an agent's container what leads round it")
    .option("--contained", "look as in an agent's container: a way round the gateway fails, and the network is tried")
    .option("--no-contained", "look as at a workstation, though this is a container")
    .option("--root <folder>", "where the file system to look at is: an unpacked image, or /proc/PID/root", "/")
    .action(
      action<Options>(async (_args, { contained, root }) => {
        const { examine } = await import("./doctor/checks.ts");
        const { renderChecks } = await import("./doctor/check.ts");
        const { withProgress } = await import("./progress.ts");
        const checks = await withProgress("trying what can be reached", () =>
          examine(process.env, { contained, root }),
        );
        const failed = checks.some(({ result }) => result === "failed");
        return { json: { checks }, text: renderChecks(checks), exitCode: failed ? 1 : 0 };
      }),
    );
}
