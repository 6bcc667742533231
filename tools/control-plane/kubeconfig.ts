import { writeFile } from "node:fs/promises";

/** How a user of a kubeconfig proves who they are. */
export type KubeconfigUser = { token: string } | { "client-certificate": string; "client-key": string };

/** Writes a kubeconfig of one cluster, one user and one context (`sallyport`), readable by its owner only. */
export async function writeKubeconfig(
  file: string,
  cluster: { server: string; caFile: string },
  user: KubeconfigUser,
): Promise<void> {
  // JSON is YAML, and needs no quoting rules.
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "sallyport", cluster: { server: cluster.server, "certificate-authority": cluster.caFile } }],
    users: [{ name: "sallyport", user }],
    contexts: [{ name: "sallyport", context: { cluster: "sallyport", user: "sallyport", namespace: "default" } }],
    "current-context": "sallyport",
  };
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
