import type { Command } from "commander";
import { action } from "./action.ts";
import type { LoginOptions } from "./login/login.ts";

export function register(program: Command): void {
  program
    .command("login")
    .description("log in to a gateway with its identity provider (device flow)")
    .requiredOption("--server <url>", "the gateway's URL")
    .option("--issuer <name>", "which of the gateway's issuers, where it has several")
    .option("--ca-file <path>", "the authority that signed the gateway's certificate")
    .option("--connection <name>", "the connection that kubeconfigs are for")
    .action(
      action<LoginOptions>(async (_args, options) => {
        const { login } = await import("./login/login.ts");
        return login(options, process.env);
      }),
    );
}
