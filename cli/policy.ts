import { join } from "node:path";
import type { Command } from "commander";
import { action } from "./action.ts";
import { withProgress } from "./progress.ts";

/** The project's own rules, where no folder is named. */
const LIBRARY = join(import.meta.dirname, "..", "rego");
const folders = (named: string[]): string[] => (named.length === 0 ? [LIBRARY] : named);
const collect = (value: string, before: string[]): string[] => [...before, value];

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
    .action(
      action<{ out: string; key?: string; revision?: string }>(async (named, options) => {
        const { build } = await import("./policy/build.ts");
        return withProgress("compiling rules", () => build(folders(named), options));
      }),
    );

  policy
    .command("verify")
    .description("say whether a bundle is what the holder of a key signed")
    .argument("<bundle>", "the .tar.gz")
    .requiredOption("--key <file>", "public key in PEM (repeat: any one of them)", collect, [])
    .action(
      action<{ key: string[] }>(async ([bundle = ""], options) => {
        const { verify } = await import("./policy/verify.ts");
        return verify(bundle, options.key);
      }),
    );

  policy
    .command("check")
    .description("check rules for format, types, builtins that the gateway runs, and METADATA")
    .argument("[folders...]", "folders of rules, taken together")
    .action(
      action(async (named) => {
        const { check } = await import("./policy/check.ts");
        return withProgress("checking rules", () => check(folders(named)));
      }),
    );

  policy
    .command("test")
    .description("run the rules' own tests, with coverage")
    .argument("[folders...]", "folders of rules, taken together")
    .option("--threshold <percent>", "fail below this coverage", "0")
    .action(
      action<{ threshold: string }>(async (named, options) => {
        const { test } = await import("./policy/test.ts");
        return withProgress("testing rules", () => test(folders(named), Number(options.threshold)));
      }),
    );

  policy
    .command("status")
    .description("say which policy is in force at the gateway")
    .action(
      action(async () => {
        const { status } = await import("./policy/status.ts");
        return status();
      }),
    );
}
