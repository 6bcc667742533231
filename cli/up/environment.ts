import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { guard } from "../../tools/control-plane/guarded.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { freePort } from "../../tools/free-port.ts";
import { type Gateway, openGateway } from "../serve/gateway.ts";
import { apply, type Cluster, openCluster, prepareCluster } from "./cluster.ts";
import { OBJECTS } from "./objects.ts";
import { createPerson, type Person } from "./people.ts";
import { type State, writeState } from "./state.ts";

/** Everything local and embedded: cluster, issuer, gateway, policy-exceptions repo, ClickHouse, and two people. */
export interface Environment {
  cluster: Cluster;
  issuer: DevelopmentIssuer;
  gateway: Gateway;
  state: State;
  agent: Person;
  alice: Person;
  /** The agent's name, as the cluster and the record have it. */
  agentUser: string;
  approver: "approve" | "deny" | "you";
  /** What the approver does with a pending approval; resolves with what was printed. */
  decideApproval(name: string): Promise<string>;
  close(): Promise<void>;
}

export interface EnvironmentOptions {
  /** Where state is kept between runs; a temporary one, removed at the end, where absent. */
  directory?: string;
  kubeconfig?: string;
  context?: string;
  /** Folder of the Rego guardrails. */
  rules: string;
  listen: number;
  approver: "approve" | "deny" | "you";
  log: Log;
}

export async function openEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "sallyport-up-"));
  // Keys and a record that nobody asked to keep: they go with this process, kill -9 included.
  const temporary = options.directory === undefined ? guard(directory) : undefined;
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of opened.reverse()) await end();
    opened.length = 0;
    await temporary?.stop();
  };
  try {
    const issuer = await startDevelopmentIssuer();
    opened.push(() => issuer.close());
    const cluster = await openCluster({ ...options, directory });
    opened.push(() => cluster.stop());
    const ports = { listen: options.listen === 0 ? await freePort() : options.listen, admin: await freePort() };
    const state = await writeState({ directory, rules: options.rules, issuer, ports, cluster });
    writeFileSync(state.tokenFile, await prepareCluster(cluster), { mode: 0o600 });
    await createObjects(cluster);
    const gateway = await openGateway(loadGatewayConfig(state.configFile), {
      log: options.log,
      opa: await ensureTool("opa"),
    });
    opened.push(() => gateway.close());
    const person = (login: string): Promise<Person> =>
      createPerson({
        login,
        home: join(directory, "people", login),
        issuer,
        state,
        url: gateway.url,
        kubectl: cluster.kubectl,
      });
    const [agent, alice] = [await person("agent"), await person("alice")];
    for (const one of [agent, alice]) await writeKubeconfig(one);
    return {
      cluster,
      issuer,
      gateway,
      state,
      agent,
      alice,
      agentUser: "dev:agent@example.com",
      approver: options.approver,
      decideApproval: (name) => decideApproval(alice, name, options.approver),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Creates what the cluster holds before the agent comes. */
export async function createObjects(cluster: Cluster): Promise<void> {
  await apply(cluster, OBJECTS.slice(0, 1));
  // Pods need their namespace's ServiceAccount, which a controller makes a moment later.
  for (let attempt = 0; attempt < 100; attempt++) {
    const account = await cluster.admin(["get", "serviceaccount", "default", "--namespace", "shop"]);
    if (account.code === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await apply(cluster, OBJECTS.slice(1));
}

async function writeKubeconfig(person: Person): Promise<void> {
  const written = await person.sallyport(["kubeconfig", "--merge"]).finished;
  if (written.code !== 0)
    throw new UserError(`the kubeconfig of ${person.login} could not be written: ${written.stderr.trim()}`);
}

async function decideApproval(alice: Person, name: string, approver: Environment["approver"]): Promise<string> {
  if (approver === "you") return "decided by you";
  const args = [
    "approvals",
    approver,
    name,
    "--yes",
    "--reason",
    approver === "approve" ? "reading the logs is fine" : "not today",
  ];
  const decided = await alice.sallyport(args, await alice.asApprover()).finished;
  if (decided.code !== 0) throw new UserError(`\`sallyport ${args.join(" ")}\` failed: ${decided.stderr.trim()}`);
  return decided.stdout.trim();
}

/** A port of loopback that nobody uses now. */
