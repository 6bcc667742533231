import type { Command } from "commander";
import { createLog } from "../base/log.ts";
import { action } from "./action.ts";

interface ServeOptions {
  config: string;
  check?: boolean;
}

export function register(program: Command): void {
  program
    .command("serve")
    .description("run the gateway")
    .requiredOption("--config <file>", "sallyport.yaml")
    .option("--check", "only validate the configuration and what it names")
    .action(
      action<ServeOptions>(async (_args, { config: file, check }) => {
        const { loadGatewayConfig } = await import("../base/config/gateway.ts");
        const config = loadGatewayConfig(file);
        const { checkFiles } = await import("./serve/check.ts");
        await checkFiles(file, config);
        if (check === true) return { json: { valid: true }, text: `${file} is valid` };
        const { serve } = await import("./serve/serve.ts");
        await serve(config, createLog());
        return undefined;
      }),
    );
}
