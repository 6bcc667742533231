import type { Command } from "commander";

export function register(program: Command): void {
  program.command("doctor").description("check this machine's way to the gateway");
}
