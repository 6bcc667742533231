import type { PolicyInput } from "../../engine/input.ts";
import { podSpecs } from "../../kubernetes/pod-specs.ts";

/** A GET of a ConfigMap, as the gateway asks policy about it. */
export const GET: PolicyInput = {
  now: "2026-11-22T10:00:00.000Z",
  session: {
    id: "01a202e2-39c5-71dc-aa4a-924e54fca5c8",
    startedAt: "2026-11-22T09:00:00.000Z",
    agent: "claude-code",
    reason: "",
    owner: { issuer: "corp", username: "corp:alice@example.com" },
  },
  user: {
    issuer: "corp",
    username: "corp:agent-alice",
    uid: "u-1",
    groups: ["corp:devs", "corp:agents"],
    roles: [],
    extra: {},
  },
  connection: { name: "prod", kind: "kubernetes", labels: { env: "prod" } },
  request: {
    uid: "01a202e2-39c7-7f89-b6c0-8c51ad6cdf52",
    verb: "get",
    operation: "",
    path: "/api/v1/namespaces/shop/configmaps/settings",
    query: {},
    nonResource: false,
    kind: { group: "", version: "v1", kind: "" },
    resource: { group: "", version: "v1", resource: "configmaps" },
    subResource: "",
    namespace: "shop",
    name: "settings",
    fieldSelector: "",
    labelSelector: "",
    dryRun: false,
    options: {},
    patchType: "",
    contentType: "",
    userAgent: "kubectl/v1.36.3 (linux/amd64)",
    sourceIP: "10.0.0.7",
    digest: "",
  },
  exceptions: [],
};

const container = (name: string, env: object[]): object => ({
  name,
  image: `registry.example.com/shop/${name}:1.4.2`,
  args: ["--listen", ":8080", "--log-format", "json"],
  env,
  ports: [{ name: "http", containerPort: 8080 }],
  resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
  readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 5 },
  volumeMounts: [{ name: "data", mountPath: "/data" }],
});

function writes(
  verb: "create" | "update",
  group: string,
  resource: string,
  kind: string,
  object: Record<string, unknown>,
): PolicyInput {
  const path = `${group === "" ? "/api" : `/apis/${group}`}/v1/namespaces/shop/${resource}`;
  return {
    ...GET,
    request: {
      ...GET.request,
      verb,
      operation: verb === "create" ? "CREATE" : "UPDATE",
      path,
      kind: { group, version: "v1", kind },
      resource: { group, version: "v1", resource },
      name: "shop",
      contentType: "application/json",
    },
    object,
    podSpecs: podSpecs(object, { group, resource, subResource: "" }),
  };
}

/** A pod of 1 KB that is created, with nothing in it that a rule finds; `volume` to have something found. */
export function pod(volume: object = { emptyDir: {} }): PolicyInput {
  return writes("create", "", "pods", "Pod", {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "shop", labels: { app: "shop" } },
    spec: {
      containers: ["web", "sidecar"].map((name) => container(name, [{ name: "REGION", value: "eu-central-1" }])),
      volumes: [{ name: "data", ...volume }],
    },
  });
}

/** A deployment of 25 KB that is replaced, with what is stored beside it. */
export function deployment(): PolicyInput {
  const object = (replicas: number): Record<string, unknown> => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop", labels: { app: "shop" } },
    spec: {
      replicas,
      selector: { matchLabels: { app: "shop" } },
      template: {
        metadata: { labels: { app: "shop" } },
        spec: {
          containers: Array.from({ length: 12 }, (_, i) => container(`web-${i}`, settings())),
          volumes: [{ name: "data", emptyDir: {} }],
        },
      },
    },
  });
  return { ...writes("update", "apps", "deployments", "Deployment", object(3)), oldObject: object(2) };
}

function settings(): object[] {
  return Array.from({ length: 26 }, (_, i) => ({ name: `SETTING_${i}`, value: `the value of setting number ${i}` }));
}
