#!/usr/bin/env node
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, Option } from "commander";
import packageJson from "../package.json" with { type: "json" };
import * as approvals from "./approvals.ts";
import * as audit from "./audit.ts";
import * as connection from "./connection.ts";
import * as credential from "./credential.ts";
import * as decisions from "./decisions.ts";
import * as doctor from "./doctor.ts";
import * as exceptions from "./exceptions.ts";
import * as kubeconfig from "./kubeconfig.ts";
import * as login from "./login.ts";
import * as policy from "./policy.ts";
import { renderError } from "./render-error.ts";
import * as serve from "./serve.ts";
import * as sessions from "./sessions.ts";
import { colourFor } from "./style.ts";
import * as up from "./up.ts";

/**
 * One file a command. Each exports `register(program)` and imports what it needs inside its action, so that
 * `sallyport credential`, which kubectl runs at every invocation, doesn't load ClickHouse to print a token.
 */
const COMMANDS = [
  up,
  serve,
  login,
  credential,
  kubeconfig,
  doctor,
  policy,
  approvals,
  exceptions,
  sessions,
  decisions,
  audit,
  connection,
];

/** The command line as commander sees it; `exitOverride` is set first, since commands inherit it on creation. */
export function createProgram(): Command {
  const program = new Command("sallyport")
    .description("The guarded door between AI coding agents and a Kubernetes API.")
    .version(packageJson.version)
    .addOption(new Option("--output <format>", "how the result is printed").choices(["text", "json"]).default("text"))
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError(false)
    .exitOverride();
  for (const command of COMMANDS) command.register(program);
  return program;
}

/** Runs one command line (without node and the script); resolves to the exit code of contracts §7. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    process.exitCode = 0;
    await program.parseAsync(argv, { from: "user" });
    return Number(process.exitCode);
  } catch (error) {
    // commander has already printed its message, and the nearest valid name with it.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const output = argv.some((arg, i) => arg === "--output=json" || (arg === "--output" && argv[i + 1] === "json"));
    const rendered = renderError(error, { output: output ? "json" : "text", colour: colourFor(process.stderr) });
    process.stderr.write(rendered.text);
    return rendered.exitCode;
  }
}

/** True where this file was started, by its own path or by the link that npm makes for `bin`. */
function isEntry(): boolean {
  const started = process.argv[1];
  return started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url);
}

/** What runs here needs JSON.rawJSON and process features of Node 24; an older one fails later and in odd words. */
const NODE = 24;

function isOldNode(): boolean {
  if (Number(process.versions.node.split(".")[0]) >= NODE) return false;
  process.stderr.write(
    `error: sallyport needs Node ${NODE} or newer, and this is ${process.version}\nnext: Run it with \`npx node@${NODE}\`, or from a checkout with \`npm run -s sallyport --\`.\n`,
  );
  return true;
}

if (isEntry()) {
  // `sallyport … | head` closes our stdout: the reader has what it wanted.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  process.exitCode = isOldNode() ? 3 : await main(process.argv.slice(2));
}
