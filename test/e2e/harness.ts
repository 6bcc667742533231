import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as undici from "undici";
import { afterAll } from "vitest";
import { parse, parseDocument, stringify } from "yaml";
import type { EventRow } from "../../audit/event.ts";
import { eventsWithin } from "../../audit/queries.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { type GatewayConfig, loadGatewayConfig } from "../../base/config/gateway.ts";
import { silentLog } from "../../base/log.ts";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { type Gateway, openGateway } from "../../cli/serve/gateway.ts";
import { type Cluster, openCluster, prepareCluster } from "../../cli/up/cluster.ts";
import type { Finished } from "../../cli/up/command.ts";
import { createObjects } from "../../cli/up/environment.ts";
import { createPerson, type Person } from "../../cli/up/people.ts";
import { type State, writeState } from "../../cli/up/state.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { freePort } from "../../tools/free-port.ts";
import { newStore } from "../new-store.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const REGO = join(ROOT, "rego");
export const MAIN = join(ROOT, "cli", "main.ts");
/** The gateway's own account, as the API server knows it. */
export const GATEWAY_USER = "system:serviceaccount:sallyport:sallyport-gateway";
export const AGENT = "dev:agent@example.com";

/** A real control plane, an issuer, a gateway in front of it, and people with homes of their own. */
export interface World {
  directory: string;
  cluster: Cluster;
  issuer: DevelopmentIssuer;
  state: State;
  config: GatewayConfig;
  url: string;
  caPem: string;
  /** Undefined where the gateway is a `serve` of its own. */
  gateway: Gateway | undefined;
  serve: Serve | undefined;
  agent: Person;
  alice: Person;
  bob: Person;
  /** Somebody of an issuer, at home in a folder of that name. */
  person(
    login: string,
    options?: { issuer?: DevelopmentIssuer; env?: Record<string, string>; home?: string },
  ): Promise<Person>;
  /** The agent's kubectl, through the gateway. */
  kubectl(args: readonly string[], input?: string): Promise<Finished>;
  /** kubectl with an administrator's credential, around the gateway. */
  admin(args: readonly string[], input?: string): Promise<Finished>;
  /** Edits guardrails.yaml and waits until another revision is in force, which it returns. */
  editGuardrails(change: (guardrails: Record<string, unknown>) => void): Promise<string>;
  /** Ends the gateway, drained, and reads all that is on record. */
  closeAndRead(): Promise<EventRow[]>;
}

export interface WorldOptions {
  guardrails?: Record<string, unknown>;
  /** Edits sallyport.yaml before the gateway starts. */
  configure?(config: Record<string, unknown>, world: { directory: string; cluster: Cluster }): Promise<void> | void;
  rules?: string;
  /** The gateway is a `sallyport serve` of its own, not this process. */
  serve?: boolean;
  /** The cluster has a node, the stub kubelet's. */
  kubelet?: boolean;
}

const undo: (() => Promise<unknown> | unknown)[] = [];
afterAll(async () => {
  for (const action of undo.splice(0).reverse()) await action();
});

/** Done, in the other order, when the file's tests are over. */
export function cleanup(action: () => Promise<unknown> | unknown): void {
  undo.push(action);
}

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sallyport-e2e-"));
  cleanup(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Opens a world, which ends with the file's tests. Some six seconds. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const directory = folder();
  const issuer = await startDevelopmentIssuer();
  cleanup(() => issuer.close());
  const cluster = await openCluster({ directory, kubelet: options.kubelet ?? false });
  cleanup(() => cluster.stop());
  // Built once for all test files: a build takes seconds.
  const rules = options.rules ?? (await keptBundle([REGO])).file;
  if (options.guardrails !== undefined)
    writeFileSync(join(directory, "guardrails.yaml"), stringify(guardrails(options.guardrails)));
  const ports = { listen: await freePort(), admin: await freePort() };
  const state = await writeState({ directory, rules, issuer, ports, cluster });
  writeFileSync(state.tokenFile, await prepareCluster(cluster), { mode: 0o600 });
  await createObjects(cluster);
  if (options.configure !== undefined) {
    const config = parse(readFileSync(state.configFile, "utf8")) as Record<string, unknown>;
    await options.configure(config, { directory, cluster });
    writeFileSync(state.configFile, stringify(config));
  }
  const config = loadGatewayConfig(state.configFile);
  const opa = await ensureTool("opa");
  const serve = options.serve === true ? await startServe(state.configFile) : undefined;
  if (serve === undefined && "embedded" in config.audit.store) await newStore(config.audit.store.embedded);
  const gateway = serve === undefined ? await openGateway(config, { log: silentLog, opa }) : undefined;
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await gateway?.close();
    serve?.kill("SIGTERM");
    await serve?.exited;
  };
  cleanup(close);

  const url = config.listen.url;
  const person: World["person"] = async (login, { issuer: of = issuer, env = {}, home = login } = {}) => {
    const at = join(directory, "people", home);
    const made = await createPerson({ login, home: at, issuer: of, state, url, kubectl: cluster.kubectl, env });
    const written = await made.sallyport(["kubeconfig", "--merge"]).finished;
    if (written.code !== 0) throw new Error(`kubeconfig of ${login}: ${written.stderr}`);
    return made;
  };
  const [agent, alice, bob] = await Promise.all([person("agent"), person("alice"), person("bob")]);
  const world: World = {
    directory,
    cluster,
    issuer,
    state,
    config,
    url,
    caPem: readFileSync(state.caFile, "utf8"),
    gateway,
    serve,
    agent,
    alice,
    bob,
    person,
    kubectl: (args, input) => agent.kubectl(args, input === undefined ? {} : { input }).finished,
    admin: (args, input) => cluster.admin(args, input),
    async editGuardrails(change) {
      const before = await revision(world);
      const document = parseDocument(readFileSync(state.guardrailsFile, "utf8")).toJS() as Record<string, unknown>;
      change(document);
      writeFileSync(state.guardrailsFile, stringify(document));
      return until(async () => {
        const now = await revision(world);
        return now === before ? undefined : now;
      });
    },
    async closeAndRead() {
      await close();
      const store = await openStoreReader(config.audit.store);
      try {
        return await eventsWithin(store, config.tenant);
      } finally {
        await store.close();
      }
    },
  };
  return world;
}

/** Guardrails with what a test does not care about filled in. */
export function guardrails(over: Record<string, unknown>): object {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Guardrails",
    profiles: ["baseline"],
    defaults: { record: "Metadata", approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 60 } },
    ...over,
  };
}

/** `<bundle>/<guardrails>` of the policy in force, by the control API. */
export async function revision(world: World): Promise<string> {
  const { json } = await call(world, "GET", "/v1alpha1/policy", { token: await idToken(world, "alice") });
  const { bundle, guardrails } = (json as { revision: { bundle: string; guardrails: string } }).revision;
  return `${bundle}/${guardrails}`;
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  json: unknown;
}

export interface Call {
  token?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Resolves once the head of the answer is there: for what streams. */
export function open(
  world: Pick<World, "url" | "caPem">,
  method: string,
  path: string,
  options: Call = {},
): Promise<undici.Dispatcher.ResponseData> {
  const { body, token } = options;
  return undici.request(`${world.url}${path}`, {
    dispatcher: agentFor(world.caPem),
    method: method as "GET",
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(body === undefined
      ? {}
      : { body: typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
  });
}

/** One HTTPS request to the gateway, as a program that is not kubectl makes it. */
export async function call(
  world: Pick<World, "url" | "caPem">,
  method: string,
  path: string,
  options: Call = {},
): Promise<Reply> {
  const { statusCode, headers, body: answer } = await open(world, method, path, options);
  const text = await answer.text();
  return { status: statusCode, headers: new Headers(headers as Record<string, string>), text, json: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const dispatchers = new Map<string, undici.Agent>();
function agentFor(ca: string): undici.Agent {
  let agent = dispatchers.get(ca);
  if (agent === undefined) {
    agent = new undici.Agent({ connect: { ca }, connections: 32, allowH2: false });
    dispatchers.set(ca, agent);
    cleanup(() => dispatchers.get(ca)?.destroy());
  }
  return agent;
}

const tokens = new Map<string, Promise<string>>();

/** An ID token of the development issuer, asked for once. */
export function idToken(world: Pick<World, "issuer">, login: string): Promise<string> {
  const key = `${world.issuer.issuer} ${login}`;
  let token = tokens.get(key);
  if (token === undefined) {
    token = developmentTokens(world.issuer, login).then((all) => all.idToken);
    tokens.set(key, token);
  }
  return token;
}

export interface ApprovalView {
  name: string;
  state: string;
  seen: string;
  url: string;
  summary: { name: string };
  [key: string]: unknown;
}

/** A fresh token for the admin audience. */
export async function adminToken(world: Pick<World, "issuer">, login: string): Promise<string> {
  return (await developmentTokens(world.issuer, login, "admin")).idToken;
}

/** Waits until a request for an object of this name is held, as alice sees it; without a name, any. */
export async function pending(world: World, name?: string): Promise<ApprovalView> {
  const token = await idToken(world, "alice");
  return until(async () => {
    const { json } = await call(world, "GET", "/v1alpha1/approvals?state=pending", { token });
    const { items } = json as { items: ApprovalView[] };
    return items.find(({ summary }) => name === undefined || summary.name === name);
  });
}

/** Decides an approval with a fresh login, by the control API. */
export async function decide(
  world: World,
  approval: Pick<ApprovalView, "name" | "seen">,
  verb: "approve" | "deny",
  by = "alice",
  reason = verb === "approve" ? "fine" : "not today",
): Promise<Reply> {
  const token = await adminToken(world, by);
  return call(world, "POST", `/v1alpha1/approvals/${approval.name}/${verb}`, {
    token,
    body: { reason, seen: approval.seen },
  });
}

/** Waits until what is held is pending, approves it as alice, and returns it. */
export async function approveNext(world: World, name?: string): Promise<ApprovalView> {
  const held = await pending(world, name);
  const { status, text } = await decide(world, held, "approve");
  if (status !== 200) throw new Error(`approve answered ${status}: ${text}`);
  return held;
}

/** Waits for what another process brings about. */
export async function until<T>(
  find: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 60_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`it did not come about within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A `sallyport serve` of its own. */
export interface Serve {
  pid: number;
  stderr(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** Starts `serve` and waits until it serves. Throws with its words where it ends before. */
export async function startServe(configFile: string): Promise<Serve> {
  const serve = spawnServe(configFile);
  const early = serve.exited.then(({ code }) => {
    throw new Error(`serve ended with ${code}: ${serve.stderr()}`);
  });
  // It ends at last, when nobody waits for it to start any more.
  early.catch(() => {});
  await Promise.race([until(() => serve.stderr().includes('"message":"serving"')), early]);
  return serve;
}

function spawnServe(configFile: string): Serve {
  const { PATH, HOME, XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env;
  const child: ChildProcess = spawn(process.execPath, [MAIN, "serve", "--config", configFile], {
    stdio: ["ignore", "ignore", "pipe"],
    // The caches of tools and of compiled code are the user's own; nothing else of this process is.
    env: { PATH, HOME, XDG_CACHE_HOME, NODE_COMPILE_CACHE },
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once("exit", (code, signal) => resolve({ code, signal })),
  );
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  };
  cleanup(stop);
  return { pid: child.pid ?? 0, stderr: () => stderr, exited, kill: (signal) => void child.kill(signal), stop };
}

/** Whether a process is there, a zombie aside. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
