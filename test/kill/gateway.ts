import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const START_MS = 60_000;
/** Where node itself puts it by default: a third of a start is the compiling of what is started again and again. */
const COMPILED = join(tmpdir(), "node-compile-cache");

export interface KilledGatewayOptions {
  /** Starts node, with its arguments after it. */
  command?: readonly string[];
  nodeArgs?: readonly string[];
  env?: Record<string, string>;
}

/** `sallyport serve` as a process of its own, to be killed. */
export class KilledGateway {
  readonly #configFile: string;
  readonly #options: KilledGatewayOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #said: string[] = [];

  constructor(configFile: string, options: KilledGatewayOptions = {}) {
    this.#configFile = configFile;
    this.#options = options;
  }

  /** Starts it, and resolves when it serves. Throws with what it said where it does not. */
  async start(): Promise<void> {
    const { PATH, HOME, TMPDIR } = process.env;
    const { command = [], nodeArgs = [], env } = this.#options;
    const [program = "", ...args] = [...command, process.execPath, ...nodeArgs, MAIN, "serve"];
    const child = spawn(program, [...args, "--config", this.#configFile], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE: COMPILED, ...env },
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once("exit", () => resolve()));
    const said: string[] = [];
    this.#said = said;
    const serving = new Promise<boolean>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          said.push(line);
          if (line.includes('"message":"serving"')) resolve(true);
        });
      }
      this.#exited.then(() => resolve(false));
      setTimeout(resolve, START_MS, false).unref();
    });
    if (await serving) return;
    await this.kill();
    throw new Error(`the gateway does not start again: ${said.join("\n")}`);
  }

  /** Its log since it was started. */
  said(): string[] {
    return this.#said;
  }

  /** Asks it to end, and waits. What it compiled is kept only then. */
  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#exited;
  }

  /** kill -9, at this very moment; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }
}
