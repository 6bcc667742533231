import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import type { Files } from "./arguments.ts";
import { type Cluster, type Identity, mintIdentity, secret } from "./credentials.ts";

/** The stub kubelet's node. */
export const NODE_NAME = "stub";

/** The node's address, as tools/kubelet has it: of the pods' range, and reached through the egress socket only. */
const NODE_IP = "10.244.0.1";

/** Who the API server is to the kubelet, which serves nobody else. */
const CLIENT_NAME = "kube-apiserver-kubelet-client";

/** Writes the certificates of both sides, and makes the node's user. */
export async function writeKubeletFiles(cluster: Cluster): Promise<Identity> {
  const { authority, files } = cluster;
  const serving = await authority.issueServer([NODE_IP]);
  const client = await authority.issueClient({ username: CLIENT_NAME });
  await secret(files.kubeletServingCertificate, serving.certificate);
  await secret(files.kubeletServingKey, serving.key);
  await secret(files.kubeletClientCertificate, client.certificate);
  await secret(files.kubeletClientKey, client.key);
  await mkdir(files.kubelet, { mode: 0o755 });
  return mintIdentity(cluster, { username: `system:node:${NODE_NAME}`, groups: ["system:nodes"] });
}

/** Arguments of the stub kubelet. @param kubeconfig of the node's user. */
export function kubeletArguments(files: Files, kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--node-name=${NODE_NAME}`,
    `--directory=${files.kubelet}`,
    `--egress-socket=${files.egressSocket}`,
    `--tls-cert-file=${files.kubeletServingCertificate}`,
    `--tls-private-key-file=${files.kubeletServingKey}`,
    `--client-ca-file=${files.ca}`,
    `--client-name=${CLIENT_NAME}`,
  ];
}

/**
 * Gives the node's user what a node and a scheduler may: there is no Node authorizer here, and `system:node` is bound
 * to nobody since it was made for one (Kubernetes 1.8).
 */
export async function admitKubelet(kubectl: string, files: Files): Promise<void> {
  const items = ["system:node", "system:kube-scheduler"].map((role) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: `stub-kubelet:${role}` },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: `system:node:${NODE_NAME}` }],
  }));
  await secret(files.kubeletRights, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await promisify(execFile)(kubectl, [
    ...["--kubeconfig", files.adminKubeconfig, "--cache-dir", `${files.kubelet}-cache`],
    ...["create", "--validate=false", "-f", files.kubeletRights],
  ]);
}

/** Whether a Node, as JSON, is Ready. */
export function isReady(node: string): boolean {
  const { status } = JSON.parse(node) as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}
