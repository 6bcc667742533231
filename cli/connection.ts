import type { Command } from "commander";

export function register(program: Command): void {
  program.command("connection").description("connect the gateway to a cluster, and check what it can reach");
}
