import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type ApiResource, resourceOf } from "../../../kubernetes/resources.ts";

const NAMES = [
  ...[
    "pods",
    "services",
    "configmaps",
    "secrets",
    "namespaces",
    "nodes",
    "serviceaccounts",
    "events",
    "resourcequotas",
  ],
  ...["replicationcontrollers", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs"],
  ...["horizontalpodautoscalers", "poddisruptionbudgets", "ingresses", "roles", "rolebindings", "clusterroles"],
  ...["clusterrolebindings", "priorityclasses", "certificatesigningrequests", "selfsubjectaccessreviews"],
  ...["selfsubjectrulesreviews", "selfsubjectreviews"],
];
const RESOURCES = NAMES.map(resourceOf);
const SHORT: Record<string, string[]> = {
  pods: ["po"],
  services: ["svc"],
  configmaps: ["cm"],
  namespaces: ["ns"],
  nodes: ["no"],
  serviceaccounts: ["sa"],
  deployments: ["deploy"],
  statefulsets: ["sts"],
};
const CATEGORIES: Record<string, string[]> = Object.fromEntries(
  [
    "pods",
    "services",
    "replicationcontrollers",
    "horizontalpodautoscalers",
    "deployments",
    "replicasets",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
  ].map((name) => [name, ["all"]]),
);

const SCALE = ["scale", "autoscaling", "v1", "Scale"] as const;
const SUBRESOURCES: Record<string, readonly [string, string, string, string]> = {
  pods: ["eviction", "policy", "v1", "Eviction"],
  ...Object.fromEntries(
    ["deployments", "replicasets", "statefulsets", "replicationcontrollers"].map((name) => [name, SCALE]),
  ),
};

/** Enough of an API server for kubectl to do its deeds: every object is there but those named `new…`. */
export interface StubApiServer {
  url: string;
  /** `DELETE /api/v1/namespaces/shop/pods/web`, discovery left out. */
  asked: string[];
  /** Forgets what was asked and what was deleted. */
  reset(): void;
  close(): Promise<void>;
}

export async function startStubApiServer(): Promise<StubApiServer> {
  const asked: string[] = [];
  const gone = new Set<string>();
  const server = createServer((req, res) => {
    req.resume();
    req.on("end", () => {
      const { code = 200, json, text } = answer(req, asked, gone);
      res.writeHead(code, { "content-type": text === undefined ? "application/json" : "text/plain" });
      res.end(text ?? JSON.stringify(json));
    });
  });
  // What connects is refused: that it was asked for is what counts.
  server.on("upgrade", (req, socket) => {
    asked.push(`${req.method} ${pathOf(req)}`);
    socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    reset() {
      asked.splice(0);
      gone.clear();
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const pathOf = (req: IncomingMessage): string => new URL(req.url ?? "/", "http://stub").pathname;
const groupVersion = ({ group, version }: ApiResource): string => (group === "" ? version : `${group}/${version}`);

interface Answer {
  code?: number;
  json?: unknown;
  text?: string;
}

function answer(req: IncomingMessage, asked: string[], gone: Set<string>): Answer {
  const path = pathOf(req);
  const discovered = discovery(path);
  if (discovered !== undefined) return { json: discovered };
  if (/^\/(openapi|version|swagger)/.test(path)) return { code: 404, json: status(404) };
  asked.push(`${req.method} ${path}`);
  const [, , second = "", ...rest] = path.split("/");
  const parts = path.startsWith("/apis/") ? rest.slice(1) : rest;
  const version = path.startsWith("/apis/") ? `${second}/${rest[0]}` : second;
  const inNamespace = parts[0] === "namespaces" && parts.length > 2;
  const [type = "", name, subresource] = inNamespace ? parts.slice(2) : parts;
  const namespace = inNamespace ? parts[1] : undefined;
  const resource = RESOURCES.find((one) => one.resource === type && groupVersion(one) === version);
  if (resource === undefined) return { code: 404, json: status(404) };
  if (subresource === "eviction") gone.add(path.replace("/eviction", ""));
  // Built-in objects come as protobuf: what was made is not looked at here.
  if (req.method === "POST") return { code: 201, json: object(resource, name ?? "made", namespace) };
  if (req.method === "DELETE") gone.add(path);
  if (req.method === "DELETE") return { json: { kind: "Status", apiVersion: "v1", status: "Success" } };
  if (subresource === "log") return { text: "x\n" };
  if (["exec", "attach", "portforward"].includes(subresource ?? "")) return { code: 403, json: status(403) };
  if (name === undefined) {
    const items = [object(resource, "picked", resource.namespaced ? (namespace ?? "shop") : undefined)];
    return { json: { apiVersion: version, kind: `${resource.kind}List`, metadata: { resourceVersion: "1" }, items } };
  }
  if (name.startsWith("new") || gone.has(path)) return { code: 404, json: status(404) };
  if (subresource === "scale") {
    return {
      json: { apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name, namespace }, spec: { replicas: 1 } },
    };
  }
  return { json: object(resource, name, namespace) };
}

const status = (code: number): object => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  reason: code === 404 ? "NotFound" : "Forbidden",
  code,
});

function object(resource: ApiResource, name: string, namespace: string | undefined): object {
  const containers = [{ name: "app", image: "x" }];
  const labels = { app: "web", "pod-security.kubernetes.io/enforce": "baseline" };
  const workload = {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
  };
  const specs: Record<string, object> = {
    pods: { containers, nodeName: "n1" },
    nodes: { taints: [{ key: "k", effect: "PreferNoSchedule" }] },
    services: { selector: labels, ports: [{ port: 80 }] },
    cronjobs: { jobTemplate: { spec: workload } },
  };
  const running = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
  return {
    apiVersion: groupVersion(resource),
    kind: resource.kind,
    metadata: { name, namespace, uid: "u", resourceVersion: "1", labels, creationTimestamp: "2026-01-01T00:00:00Z" },
    ...(resource.group === "rbac.authorization.k8s.io"
      ? { rules: [], roleRef: { apiGroup: resource.group, kind: "ClusterRole", name: "x" }, subjects: [] }
      : { spec: specs[resource.resource] ?? workload, status: resource.resource === "pods" ? running : {} }),
  };
}

function discovery(path: string): object | undefined {
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"] };
  const groups = [...new Set(RESOURCES.filter(({ group }) => group !== "").map(groupVersion))];
  if (path === "/apis") {
    return {
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: groups.map((one) => {
        const [name = "", version = ""] = one.split("/");
        return { name, versions: [{ groupVersion: one, version }], preferredVersion: { groupVersion: one, version } };
      }),
    };
  }
  const wanted = path.replace(/^\/apis?\//, "");
  if (path !== "/api/v1" && !groups.includes(wanted)) return undefined;
  const resources = RESOURCES.filter((one) => groupVersion(one) === wanted).map((one) => ({
    name: one.resource,
    singularName: one.kind.toLowerCase(),
    namespaced: one.namespaced,
    kind: one.kind,
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    ...(SHORT[one.resource] === undefined ? {} : { shortNames: SHORT[one.resource] }),
    ...(CATEGORIES[one.resource] === undefined ? {} : { categories: CATEGORIES[one.resource] }),
  }));
  const below = resources.flatMap(({ name, namespaced, verbs }) => {
    const [subresource, group, version, kind] = SUBRESOURCES[name] ?? [];
    return subresource === undefined
      ? []
      : [{ name: `${name}/${subresource}`, namespaced, verbs, group, version, kind }];
  });
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: wanted, resources: [...resources, ...below] };
}
