import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { type State, writeState } from "../../cli/up/state.ts";
import { startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { createAuthority } from "../../tools/control-plane/certificates.ts";
import { freePort } from "../../tools/free-port.ts";
import { KilledGateway } from "../kill/gateway.ts";
import type { Target } from "./traps.ts";

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const REGO = here("../../rego");
/** What the upstream takes for an answer: so that all exchanges are under way at any time. */
const ANSWER_MS = 400;
const IN_FLIGHT = 100;
const PATIENCE_MS = 60_000;
const TOKEN_MS = 60_000;

export interface WorldOptions {
  /** Of the spool, in bytes. */
  maxBytes?: number;
  /** The spool is on a disk of its own, of so many bytes. */
  diskBytes?: number;
}

/** A gateway to be killed, and three processes that outlive it: the agent, the API server, and this one. */
export interface World {
  state: State;
  gateway: KilledGateway;
  upstreamLog: string;
  clientLog: string;
  /** What the gateway's threads wrote down of what they did: a folder. */
  witnesses: string;
  /** Sets a trap, and resolves once somebody was caught. */
  kill(target: Target, step: string): Promise<void>;
  /** Puts the gateway's clock back. */
  putBack(ms: number): void;
  /** The gateway, or its store. */
  pidOf(target: "gateway" | "store"): number;
  /** Resolves once the agent has so many more answers of the API server. */
  answers(more: number): Promise<void>;
  /** The agent asks no more, and has all its answers; after `before` the gateway ends as it is asked to. */
  quiet(before?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-durability-"));
  const at = (name: string): string => join(directory, name);
  mkdirSync(at("traps"));
  const children: ChildProcess[] = [];
  const issuer = await startDevelopmentIssuer();
  const upstream = start(children, "upstream.ts", await certificates(at), at("upstream.log"), String(ANSWER_MS));
  const port = await firstLine(upstream);

  const ports = { listen: await freePort(), admin: await freePort() };
  const { file: rules } = await keptBundle([REGO]);
  writeFileSync(at("guardrails.yaml"), stringify(GUARDRAILS));
  const cluster = { server: `https://127.0.0.1:${port}`, caFile: at("upstream-ca.crt") };
  const state = await writeState({ directory, rules, issuer, ports, cluster });
  writeFileSync(state.tokenFile, "the-gateways-own-token", { mode: 0o600 });
  const config = parse(readFileSync(state.configFile, "utf8")) as { audit: { spool: object }; limits?: object };
  // Small segments, so that some are let go all the time.
  Object.assign(config.audit.spool, { maxBytes: options.maxBytes ?? 4_194_304 });
  config.limits = { requestsPerIdentity: 1_000_000 };
  writeFileSync(state.configFile, stringify(config));

  const renew = async (): Promise<void> =>
    writeFileSync(at("agent.token"), (await developmentTokens(issuer, "agent", "data")).idToken, { mode: 0o600 });
  await renew();
  const renewing = setInterval(() => void renew(), TOKEN_MS);
  const gateway = new KilledGateway(state.configFile, {
    ...(options.diskBytes === undefined ? {} : { command: onDisk(at("spool"), options.diskBytes) }),
    nodeArgs: ["--import", here("traps.ts")],
    env: { SALLYPORT_TRAPS: at("traps") },
  });
  await gateway.start();

  const client = start(
    children,
    "client.ts",
    JSON.stringify({
      origin: `https://127.0.0.1:${ports.listen}`,
      caFile: state.caFile,
      tokenFile: at("agent.token"),
      logFile: at("client.log"),
      inFlight: IN_FLIGHT,
    }),
  );
  let answered = 0;
  if (client.stdout !== null) {
    createInterface({ input: client.stdout }).on("line", (line) => {
      answered = Number(/^answered (\d+)$/.exec(line)?.[1] ?? answered);
    });
  }
  const clientGone = new Promise((resolve) => client.once("exit", resolve));

  const world: World = {
    state,
    gateway,
    upstreamLog: at("upstream.log"),
    clientLog: at("client.log"),
    witnesses: at("traps"),
    async kill(target, step) {
      rmSync(at("traps/sprung"), { force: true });
      writeFileSync(at("traps/trap.new"), `${target} ${step}`);
      // Whole from the first moment.
      renameSync(at("traps/trap.new"), at("traps/trap"));
      await until(() => existsSync(at("traps/sprung")), `nobody comes to: ${step}`);
    },
    putBack: (ms) => writeFileSync(at("traps/back"), String(ms)),
    pidOf: (target) => pidOf(target === "gateway" ? state.configFile : at("clickhouse")),
    async answers(more) {
      const wanted = answered + more;
      await until(() => answered >= wanted, `the agent has ${answered} answers, and waits for ${wanted}`);
    },
    async quiet(before) {
      client.stdin?.end();
      await clientGone;
      await before?.();
      await gateway.stop();
    },
    async close() {
      clearInterval(renewing);
      await gateway.kill();
      for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
      await issuer.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return world;
}

/** The process that has this path among its arguments. */
function pidOf(path: string): number {
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").includes(path)) return Number(name);
    } catch (error) {
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error; // it has just ended
    }
  }
  throw new Error(`no process has the argument ${path}`);
}

/** Nothing is held, and all is on record. */
const GUARDRAILS = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Guardrails",
  profiles: ["observe"],
  defaults: {
    record: "RequestResponse",
    approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 90 },
  },
};

/** Starts a program in a mount namespace of its own, where a file system of so many bytes lies over the folder. */
function onDisk(path: string, bytes: number): string[] {
  const script = `mkdir -p "$0" && mount -t tmpfs -o size=${bytes} tmpfs "$0" && exec "$@"`;
  return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, path];
}

async function certificates(at: (name: string) => string): Promise<[string, string]> {
  const authority = await createAuthority("stub upstream");
  const { certificate, key } = await authority.issueServer(["127.0.0.1"]);
  writeFileSync(at("upstream-ca.crt"), authority.certificate);
  writeFileSync(at("upstream.crt"), certificate);
  writeFileSync(at("upstream.key"), key, { mode: 0o600 });
  return [at("upstream.crt"), at("upstream.key")];
}

function start(children: ChildProcess[], script: string, ...args: (string | string[])[]): ChildProcess {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [here(script), ...args.flat()], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH, HOME, TMPDIR },
  });
  children.push(child);
  return child;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("the upstream does not start")));
    if (child.stdout !== null) createInterface({ input: child.stdout }).once("line", resolve);
  });
}

/** The last of each kind of line that a gateway said: of one kind there may be thousands. */
export function lastOf(said: readonly string[]): string[] {
  const kinds = new Map<string, string>();
  for (const line of said) {
    const kind = line.replaceAll(/"(at|exchange|decisionId)":"[^"]*"/g, "");
    kinds.delete(kind);
    kinds.set(kind, line);
  }
  return [...kinds.values()].slice(-12);
}

export async function until(condition: () => boolean, otherwise: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(otherwise);
    await wait(5);
  }
}
