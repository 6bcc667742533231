import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import type { EventRow } from "../../audit/event.ts";
import { eventsWithin } from "../../audit/queries.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { silentLog } from "../../base/log.ts";
import { openGateway } from "../../cli/serve/gateway.ts";
import { type Cluster, openCluster, prepareCluster } from "../../cli/up/cluster.ts";
import { type Finished, start } from "../../cli/up/command.ts";
import { writeState } from "../../cli/up/state.ts";
import { startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { freePort } from "../../tools/free-port.ts";
import type { Step } from "./steps.ts";

const MANIFESTS = fileURLToPath(new URL("manifests", import.meta.url));

/** A cluster with a node, as an administrator leaves it, and an agent who reaches it through the gateway. */
export interface DayWorld {
  /** The agent's kubectl. */
  run(step: Step): Promise<Finished>;
  /** Ends the gateway, drained, and reads all that is on record. */
  closeAndRead(): Promise<EventRow[]>;
  close(): Promise<void>;
}

const GUARDRAILS = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Guardrails",
  profiles: ["baseline"],
  // What is held is over at once: nobody approves anything here.
  defaults: { record: "Metadata", approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 0 } },
};

export interface DayOptions {
  /** Folder of the rules. */
  rules?: string;
}

export async function openDay({
  rules = fileURLToPath(new URL("../../rego", import.meta.url)),
}: DayOptions = {}): Promise<DayWorld> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-day-"));
  const undo: (() => Promise<unknown> | unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const action of undo.splice(0).reverse()) await action();
  };
  try {
    const cluster = await openCluster({ directory, kubelet: true });
    undo.push(() => cluster.stop());
    const issuer = await startDevelopmentIssuer();
    undo.push(() => issuer.close());
    writeFileSync(join(directory, "guardrails.yaml"), stringify(GUARDRAILS));
    const ports = { listen: await freePort(), admin: await freePort() };
    const state = await writeState({ directory, rules, issuer, ports, cluster });
    writeFileSync(state.tokenFile, await prepareCluster(cluster), { mode: 0o600 });
    await install(cluster);
    const config = loadGatewayConfig(state.configFile);
    const gateway = await openGateway(config, { log: silentLog, opa: await ensureTool("opa") });
    undo.push(() => gateway.close());

    const home = join(directory, "agent");
    mkdirSync(home);
    writeFileSync(join(home, "token"), (await developmentTokens(issuer, "agent")).idToken, { mode: 0o600 });
    writeFileSync(join(home, "kubeconfig"), kubeconfig(`${config.listen.url}/connections/local`, state.caFile, home));
    return {
      run: (step) => run(cluster.kubectl, home, step),
      async closeAndRead() {
        await gateway.close();
        const store = await openStoreReader(config.audit.store);
        try {
          return await eventsWithin(store, config.tenant);
        } finally {
          await store.close();
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the day needs beyond baseline, around the gateway. */
async function install(cluster: Cluster): Promise<void> {
  const manifest = readFileSync(join(MANIFESTS, "beforehand.yaml"), "utf8");
  await untilZero(() => cluster.admin(["apply", "-f", "-"], manifest));
  for (const workload of ["-n=store statefulset/database", "-n=monitoring daemonset/node-exporter"])
    await untilZero(() => cluster.admin(["rollout", "status", "--timeout=60s", ...workload.split(" ")]));
}

/** A namespace's ServiceAccount is there a moment after the namespace. */
async function untilZero(action: () => Promise<Finished>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { code, stderr } = await action();
    if (code === 0) return;
    if (attempt === 20) throw new Error(stderr);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function kubeconfig(server: string, caFile: string, home: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "a", cluster: { server, "certificate-authority": caFile } }],
    users: [{ name: "a", user: { tokenFile: join(home, "token") } }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  });
}

function run(kubectl: string, home: string, { command, edit, input }: Step): Promise<Finished> {
  const { PATH } = process.env;
  const env: NodeJS.ProcessEnv = { PATH, HOME: home, KUBECONFIG: join(home, "kubeconfig"), TZ: "UTC", TERM: "dumb" };
  if (edit !== undefined) {
    env.KUBE_EDITOR = join(home, "editor.sh");
    writeFileSync(env.KUBE_EDITOR, `#!/bin/sh\nexec sed -i -e '${edit}' "$1"\n`);
    chmodSync(env.KUBE_EDITOR, 0o700);
  }
  const args = words(command).map((word) => word.replaceAll("{manifests}", MANIFESTS));
  return start(kubectl, args, { env, timeoutMs: 150_000, ...(input === undefined ? {} : { input }) }).finished;
}

/** Words as a shell splits them; single quotes keep blanks together. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
}
