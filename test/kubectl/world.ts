import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { silentLog } from "../../base/log.ts";
import { openGateway } from "../../cli/serve/gateway.ts";
import { type Cluster, prepareCluster } from "../../cli/up/cluster.ts";
import { start } from "../../cli/up/command.ts";
import { writeState } from "../../cli/up/state.ts";
import { startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { startControlPlane } from "../../tools/control-plane/start.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { freePort } from "../../tools/free-port.ts";
import { prepareSide, type Side } from "./sides.ts";

/** A cluster with a node, a gateway that allows everything in front of it, and one person with two ways in. */
export interface KubectlWorld {
  /** Both sides for one run of the list, in namespaces of their own. */
  sides(): Promise<{ direct: Side; gateway: Side }>;
  close(): Promise<void>;
}

export async function openKubectlWorld(): Promise<KubectlWorld> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-kubectl-"));
  const undo: (() => Promise<unknown> | unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const action of undo.splice(0).reverse()) await action();
  };
  try {
    const plane = await startControlPlane({ kubelet: true });
    undo.push(() => plane.stop());
    const issuer = await startDevelopmentIssuer();
    undo.push(() => issuer.close());
    const cluster: Cluster = {
      ...plane,
      admin: (args, input) =>
        start(plane.kubectl, ["--kubeconfig", plane.adminKubeconfig, ...args], {
          env: { PATH: process.env.PATH, HOME: directory },
          ...(input === undefined ? {} : { input }),
        }).finished,
    };
    const ports = { listen: await freePort(), admin: 0 };
    writeFileSync(join(directory, "guardrails.yaml"), stringify(ALLOW_ALL));
    const rules = new URL("../../rego", import.meta.url).pathname;
    const state = await writeState({ directory, rules, issuer, ports, cluster });
    writeFileSync(state.tokenFile, await prepareCluster(cluster), { mode: 0o600 });
    const config = loadGatewayConfig(state.configFile);
    const gateway = await openGateway(config, { log: silentLog, opa: await ensureTool("opa") });
    undo.push(() => gateway.close());

    const tokenFile = join(directory, "agent.token");
    writeFileSync(tokenFile, (await developmentTokens(issuer, "agent")).idToken, { mode: 0o600 });
    const same = await plane.mintIdentity({ username: "dev:agent@example.com", groups: ["dev:devs", "dev:agents"] });
    const nodes = await cluster.admin(["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]);

    let run = 0;
    return {
      async sides() {
        run++;
        const common = { folder: directory, node: nodes.stdout };
        const [direct, through] = [`direct-${run}`, `behind-${run}`];
        return {
          direct: await prepareSide({
            ...common,
            name: "direct",
            server: plane.server,
            caFile: plane.caFile,
            user: certificateOf(same.kubeconfig),
            namespace: direct,
            port: await freePort(),
          }),
          gateway: await prepareSide({
            ...common,
            name: "gateway",
            server: `${config.listen.url}/connections/local`,
            caFile: state.caFile,
            user: { tokenFile },
            namespace: through,
            port: await freePort(),
          }),
        };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const ALLOW_ALL = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Guardrails",
  profiles: ["observe"],
  defaults: { record: "Metadata", approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 60 } },
};

/** The user of a kubeconfig, in its own words. */
function certificateOf(kubeconfig: string): Record<string, string> {
  const { users } = JSON.parse(readFileSync(kubeconfig, "utf8")) as { users: { user: Record<string, string> }[] };
  const [entry] = users;
  if (entry === undefined) throw new Error(`${kubeconfig} has no user`);
  return entry.user;
}
