import { stringify } from "yaml";

/** A Deployment of no replicas: a control plane without nodes has nothing to run them on. */
export function deployment(
  name: string,
  options: { hostPath?: string; image?: string; namespace?: string } = {},
): string {
  const { hostPath, image = "registry.example.com/web:1", namespace = "shop" } = options;
  return stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [{ name: "main", image }],
          ...(hostPath === undefined ? {} : { volumes: [{ name: "host", hostPath: { path: hostPath } }] }),
        },
      },
    },
  });
}

export function hostPathPod(name: string, namespace = "shop"): string {
  return stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace },
    spec: {
      containers: [{ name: "main", image: "registry.example.com/tool:1" }],
      volumes: [{ name: "host", hostPath: { path: "/var/log" } }],
    },
  });
}

export function configMap(name: string, data: Record<string, string>, namespace = "shop"): string {
  return stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data });
}

/** Several manifests as one stream. */
export function documents(...manifests: readonly string[]): string {
  return manifests.join("---\n");
}
