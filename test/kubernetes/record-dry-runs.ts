/**
 * Records what a real kube-apiserver answers to the same dry run, twice: `node test/kubernetes/record-dry-runs.ts`
 * writes data/dry-runs.json. Run it again when the pinned Kubernetes changes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { startControlPlane } from "../../tools/control-plane/start.ts";

const container = { name: "web", image: "registry.example.com/web:1", ports: [{ containerPort: 80 }] };
const template = { metadata: { labels: { app: "web" } }, spec: { containers: [container] } };
const batch = { ...template, spec: { ...template.spec, restartPolicy: "Never" } };
const selector = { matchLabels: { app: "web" } };
const ns = "/api/v1/namespaces/default";
const apps = "/apis/apps/v1/namespaces/default";

const CREATES: [string, string, object][] = [
  ["a Pod", `${ns}/pods`, { kind: "Pod", metadata: { name: "web" }, spec: template.spec }],
  ["a Pod with generateName", `${ns}/pods`, { kind: "Pod", metadata: { generateName: "web-" }, spec: template.spec }],
  [
    "a Pod with init containers",
    `${ns}/pods`,
    { kind: "Pod", metadata: { name: "web" }, spec: { ...template.spec, initContainers: [{ name: "i", image: "x" }] } },
  ],
  [
    "a Deployment",
    `${apps}/deployments`,
    { kind: "Deployment", metadata: { name: "web" }, spec: { selector, template } },
  ],
  ["a DaemonSet", `${apps}/daemonsets`, { kind: "DaemonSet", metadata: { name: "web" }, spec: { selector, template } }],
  [
    "a StatefulSet",
    `${apps}/statefulsets`,
    { kind: "StatefulSet", metadata: { name: "web" }, spec: { serviceName: "web", selector, template } },
  ],
  [
    "a ReplicaSet",
    `${apps}/replicasets`,
    { kind: "ReplicaSet", metadata: { name: "web" }, spec: { selector, template } },
  ],
  [
    "a ReplicationController",
    `${ns}/replicationcontrollers`,
    { kind: "ReplicationController", metadata: { name: "web" }, spec: { selector: { app: "web" }, template } },
  ],
  [
    "a Job",
    "/apis/batch/v1/namespaces/default/jobs",
    { kind: "Job", metadata: { name: "web" }, spec: { template: batch } },
  ],
  [
    "a Job with generateName",
    "/apis/batch/v1/namespaces/default/jobs",
    { kind: "Job", metadata: { generateName: "web-" }, spec: { template: batch } },
  ],
  [
    "a CronJob",
    "/apis/batch/v1/namespaces/default/cronjobs",
    {
      kind: "CronJob",
      metadata: { name: "web" },
      spec: { schedule: "* * * * *", jobTemplate: { spec: { template: batch } } },
    },
  ],
  ["a Service", `${ns}/services`, { kind: "Service", metadata: { name: "web" }, spec: { ports: [{ port: 80 }] } }],
  [
    "a NodePort Service",
    `${ns}/services`,
    { kind: "Service", metadata: { name: "web" }, spec: { type: "NodePort", ports: [{ port: 80 }] } },
  ],
  [
    "a LoadBalancer Service",
    `${ns}/services`,
    {
      kind: "Service",
      metadata: { name: "web" },
      spec: {
        type: "LoadBalancer",
        externalTrafficPolicy: "Local",
        ports: [
          { port: 80, name: "a" },
          { port: 81, name: "b" },
        ],
      },
    },
  ],
  [
    "a headless Service",
    `${ns}/services`,
    { kind: "Service", metadata: { name: "web" }, spec: { clusterIP: "None", ports: [{ port: 80 }] } },
  ],
  ["a ConfigMap", `${ns}/configmaps`, { kind: "ConfigMap", metadata: { name: "web" }, data: { a: "b" } }],
  ["a Secret", `${ns}/secrets`, { kind: "Secret", metadata: { name: "web" }, stringData: { a: "b" } }],
  ["a Namespace", "/api/v1/namespaces", { kind: "Namespace", metadata: { name: "web" } }],
  ["a ServiceAccount", `${ns}/serviceaccounts`, { kind: "ServiceAccount", metadata: { name: "web" } }],
  [
    "a PersistentVolumeClaim",
    `${ns}/persistentvolumeclaims`,
    {
      kind: "PersistentVolumeClaim",
      metadata: { name: "web" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    },
  ],
  [
    "a ClusterRoleBinding",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    {
      kind: "ClusterRoleBinding",
      metadata: { name: "web" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
      subjects: [],
    },
  ],
  [
    "an Ingress",
    "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
    {
      kind: "Ingress",
      metadata: { name: "web" },
      spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } },
    },
  ],
  [
    "an HorizontalPodAutoscaler",
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    {
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web" },
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
    },
  ],
  [
    "a CustomResourceDefinition",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    {
      kind: "CustomResourceDefinition",
      metadata: { name: "webs.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { kind: "Web", plural: "webs" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    },
  ],
];

const PATCHES: [string, string, string, unknown][] = [
  [
    "an image by strategic merge",
    `${apps}/deployments/stored`,
    "application/strategic-merge-patch+json",
    { spec: { template: { spec: { containers: [{ name: "web", image: "registry.example.com/web:2" }] } } } },
  ],
  [
    "a sidecar by JSON patch",
    `${apps}/deployments/stored`,
    "application/json-patch+json",
    [{ op: "add", path: "/spec/template/spec/containers/0", value: { name: "aaa", image: "x" } }],
  ],
  ["replicas by merge patch", `${apps}/deployments/stored`, "application/merge-patch+json", { spec: { replicas: 0 } }],
  [
    "a Service's type by merge patch",
    `${ns}/services/stored`,
    "application/merge-patch+json",
    { spec: { type: "NodePort" } },
  ],
  [
    "a server-side apply of a new Pod",
    `${ns}/pods/fresh?fieldManager=t`,
    "application/apply-patch+yaml",
    { apiVersion: "v1", kind: "Pod", metadata: { name: "fresh" }, spec: template.spec },
  ],
];

const plane = await startControlPlane();
const ca = readFileSync(plane.caFile);

function call(
  method: string,
  path: string,
  body?: unknown,
  type = "application/json",
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${plane.adminToken}`, "content-type": type };
    const sent = request(`${plane.server}${path}`, { method, ca, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const versionOf = (path: string): string =>
  path.replace(/^\/(api|apis)\//, "").replace(/\/(namespaces\/.*|[a-z]+)$/, "");
const records: unknown[] = [];
const twice = async (what: string, run: () => Promise<Record<string, unknown>>, old: unknown): Promise<void> => {
  const [first, second] = [await run(), await run()];
  if (first.kind === "Status") throw new Error(`${what}: ${first.message}`);
  records.push({ what, old, outcomes: [first, second] });
};
try {
  for (const [what, path, object] of CREATES) {
    const body = { apiVersion: path === "/api/v1/namespaces" ? "v1" : versionOf(path), ...object };
    await twice(what, () => call("POST", `${path}?dryRun=All`, body), null);
  }
  await call("POST", `${apps}/deployments`, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "stored" },
    spec: { selector, template },
  });
  await call("POST", `${ns}/services`, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "stored" },
    spec: { ports: [{ port: 80 }] },
  });
  await new Promise((resolve) => setTimeout(resolve, 2000));
  for (const [what, path, type, patch] of PATCHES) {
    const plain = path.split("?")[0] as string;
    const stored = await call("GET", plain);
    const old = stored.kind === "Status" ? null : stored;
    await twice(what, () => call("PATCH", `${path}${path.includes("?") ? "&" : "?"}dryRun=All`, patch, type), old);
  }
  writeFileSync(new URL("./data/dry-runs.json", import.meta.url), `${JSON.stringify(records, null, 1)}\n`);
} finally {
  await plane.stop();
}
