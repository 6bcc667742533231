import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { UserError } from "../../base/errors.ts";
import { readKubeconfig } from "../../proxy/credentials/kubeconfig.ts";
import { type AuditEntry, readAuditLog } from "../../tools/control-plane/audit-log.ts";
import { startControlPlane } from "../../tools/control-plane/start.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { manifests } from "../connection/manifests.ts";
import { type Finished, start } from "./command.ts";

/** The cluster behind the gateway: one that was started here, or one that the user named. */
export interface Cluster {
  server: string;
  caFile: string;
  kubectl: string;
  /** kubectl with an administrator's credential, around the gateway: for set-up, and as a witness. */
  admin(args: readonly string[], input?: string): Promise<Finished>;
  /** The API server's own audit log, where it can be read. */
  auditLog?: () => Promise<AuditEntry[]>;
  auditLogFile?: string;
  stop(): Promise<void>;
}

export async function openCluster(options: {
  /** As in production, for measuring. */
  syncs?: boolean;
  /** With a node, whose pods run as processes of this machine: for tests of exec, logs and the like. */
  kubelet?: boolean;
  kubeconfig?: string;
  context?: string;
  directory: string;
}): Promise<Cluster> {
  if (options.kubeconfig !== undefined || options.context !== undefined) return named(options);
  const controlPlane = await startControlPlane({ syncs: options.syncs ?? false, kubelet: options.kubelet ?? false });
  return {
    server: controlPlane.server,
    caFile: controlPlane.caFile,
    kubectl: controlPlane.kubectl,
    admin: (args, input) => run(controlPlane.kubectl, ["--kubeconfig", controlPlane.adminKubeconfig, ...args], input),
    auditLog: () => readAuditLog(controlPlane.auditLogFile),
    auditLogFile: controlPlane.auditLogFile,
    stop: () => controlPlane.stop(),
  };
}

async function named(options: { kubeconfig?: string; context?: string; directory: string }): Promise<Cluster> {
  const kubectl = await ensureTool("kubectl");
  const file = options.kubeconfig ?? process.env.KUBECONFIG ?? join(process.env.HOME ?? "", ".kube", "config");
  const target = readKubeconfig(file, options.context, "kubeconfig");
  const caFile = join(options.directory, "cluster-ca.crt");
  writeFileSync(caFile, target.tls.ca ?? "");
  const flags = ["--kubeconfig", file, ...(options.context === undefined ? [] : ["--context", options.context])];
  return {
    server: target.server,
    caFile,
    kubectl,
    admin: (args, input) => run(kubectl, [...flags, ...args], input),
    stop: async () => {},
  };
}

function run(kubectl: string, args: readonly string[], input?: string): Promise<Finished> {
  // Without a home kubectl keeps its cache in the working directory.
  const { PATH, HOME = tmpdir() } = process.env;
  return start(kubectl, args, { env: { PATH, HOME }, timeoutMs: 30_000, ...(input === undefined ? {} : { input }) })
    .finished;
}

const NAMESPACE = "sallyport";
const ACCOUNT = "sallyport-gateway";

/**
 * Gives the gateway a service account with the least rights that it needs, as `connection add` prints them, and
 * returns its token. The people of the development issuer get rights in the cluster too, so that what stops an
 * agent is the gateway and not RBAC.
 */
export async function prepareCluster(cluster: Cluster): Promise<string> {
  const gateway = manifests({
    name: "local",
    server: cluster.server,
    namespace: NAMESPACE,
    serviceAccount: ACCOUNT,
    impersonate: true,
    users: [],
    groups: [],
    extraKeys: [],
  });
  await apply(cluster, [...gateway, grant("dev:agents"), grant("dev:devs")]);
  const token = await cluster.admin(["create", "token", ACCOUNT, "--namespace", NAMESPACE, "--duration", "24h"]);
  if (token.code !== 0) throw setUpFailed(token);
  return token.stdout.trim();
}

export async function apply(cluster: Cluster, objects: readonly object[]): Promise<void> {
  const applied = await cluster.admin(["apply", "-f", "-"], objects.map((object) => stringify(object)).join("---\n"));
  if (applied.code !== 0) throw setUpFailed(applied);
}

function grant(group: string): object {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: `sallyport-up-${group.replace(":", "-")}` },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: group }],
  };
}

function setUpFailed({ stderr }: Finished): UserError {
  return new UserError(`the cluster could not be prepared: ${stderr.trim().slice(0, 2000)}`, {
    next: "The context needs an administrator's rights, to create the gateway's service account.",
  });
}
