import { join } from "node:path";
import type { Command } from "commander";
import { action } from "./action.ts";
import { collect } from "./collect.ts";
import { registerAuthor } from "./policy/register-author.ts";
import { registerBacktest, registerExplain } from "./policy/register-explain.ts";
import type { ShadowOptions } from "./policy/shadow.ts";
import { withProgress } from "./progress.ts";

/** The project's own rules, where no folder is named. */
const LIBRARY = join(import.meta.dirname, "..", "rego");
const folders = (named: string[]): string[] => (named.length === 0 ? [LIBRARY] : named);

export function register(program: Command): void {
  const policy = program.command("policy").description("build, check and try the rules");

  policy
    .command("build")
    .description("compile rules to one WASM bundle, and sign it")
    .argument(
      "[folders...]",
      "folders of rules, taken together; the rules that come with sallyport where none is named",
    )
    .requiredOption("--out <file>", "the bundle to write, .tar.gz")
    .option("--key <file>", "EC P-256 private key in PEM that signs it; unsigned without one")
    .option("--revision <text>", "in place of the hash of the sources")
    .option(
      "--serial <n>",
      "in place of the time of the sources' last commit: a gateway never goes back to a smaller one",
    )
    .action(
      action<{ out: string; key?: string; revision?: string; serial?: string }>(async (named, options) => {
        const { build } = await import("./policy/build.ts");
        return withProgress("compiling rules", () => build(folders(named), options));
      }),
    );

  policy
    .command("verify")
    .description("say whether a bundle is what the holder of a key signed")
    .argument("<bundle>", "the .tar.gz")
    .requiredOption("--key <file>", "public key in PEM (repeat: any one of them)", collect, [])
    .option("--sources <folder>", "build it again from these (repeat), and compare it byte for byte", collect, [])
    .action(
      action<{ key: string[]; sources: string[] }>(async ([bundle = ""], options) => {
        const { verify } = await import("./policy/verify.ts");
        return withProgress("verifying the bundle", () => verify(bundle, options.key, options.sources));
      }),
    );

  policy
    .command("shadow")
    .description("what the candidate of policy.shadow would have decided otherwise, on live traffic")
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .option("--since <time>", "24h, 2026-11-22, 2026-11-22T10:00:00Z")
    .option("--until <time>", "up to then")
    .option("--revision <text>", "of the candidate; the one that was asked last where absent")
    .option("--limit <n>", "at most so many differences, the latest first", "10000")
    .option("--examples <n>", "requests that are shown of each change", "5")
    .option("--markdown", "for a comment at a pull request")
    .action(
      action<ShadowOptions>(async (_args, options) => {
        const { shadow } = await import("./policy/shadow.ts");
        return shadow(options);
      }),
    );

  policy
    .command("rollback")
    .description("let a gateway take an older bundle again; run it on the gateway's host")
    .requiredOption("--config <file>", "sallyport.yaml")
    .requiredOption("--serial <n>", "of the oldest bundle that it may take")
    .action(
      action<{ config: string; serial: string }>(async (_args, options) => {
        const { rollback } = await import("./policy/rollback.ts");
        return rollback(options.config, options.serial);
      }),
    );

  registerAuthor(policy);

  policy
    .command("status")
    .description("say which policy is in force at the gateway")
    .action(
      action(async () => {
        const { status } = await import("./policy/status.ts");
        return status();
      }),
    );
  registerExplain(policy);
  registerBacktest(policy);
}
