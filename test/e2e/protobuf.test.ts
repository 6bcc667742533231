import { beforeAll, expect, test } from "vitest";
import { encodeProtobuf } from "../../kubernetes/body/protobuf/encode.ts";
import type { KubernetesObject } from "../../kubernetes/types.ts";
import { call, idToken, openWorld, type Reply, type World } from "./harness.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments";

let world: World;
let token: string;
beforeAll(async () => {
  world = await openWorld({ guardrails: { profiles: ["observe"] } });
  token = await idToken(world, "agent");
});

const send = (method: string, path: string, type: string, object: KubernetesObject): Promise<Reply> =>
  call(world, method, `/connections/local${path}`, {
    token,
    headers: { "content-type": type },
    body: Buffer.from(type === PROTOBUF ? encodeProtobuf(object) : JSON.stringify(object)),
  });

const deployment = (name: string): KubernetesObject => ({
  kind: "Deployment",
  apiVersion: "apps/v1",
  metadata: { name, labels: { app: "a" }, annotations: { "example.com/of": "2024-01-01T00:00:00Z" } },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: "a" }, matchExpressions: [{ key: "app", operator: "Exists" }] },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "30%", maxUnavailable: 2 } },
    template: {
      metadata: { labels: { app: "a" } },
      spec: {
        hostNetwork: true,
        securityContext: { supplementalGroups: [1, 2], fsGroup: 0 },
        volumes: [
          { name: "h", hostPath: { path: "/" } },
          { name: "e", emptyDir: { sizeLimit: "1.5Gi" } },
          { name: "c", configMap: { name: "c", items: [{ key: "k", path: "p", mode: 256 }], optional: true } },
        ],
        containers: [
          {
            name: "a",
            image: "a",
            env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }, { name: "B" }],
            envFrom: [{ prefix: "P", configMapRef: { name: "c" } }],
            ports: [{ containerPort: 8080, hostPort: 8080 }],
            resources: { limits: { cpu: "1500m", memory: "0.5Gi" } },
            readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 7 },
            lifecycle: { preStop: { exec: { command: ["sh", "-c", ""] } } },
          },
        ],
      },
    },
  },
});

/** What the API server stores of it, less what differs between any two. */
async function stored(name: string): Promise<unknown> {
  const { stdout } = await world.admin(["get", "deployment", name, "--namespace", "shop", "--output", "json"]);
  const { metadata, spec } = JSON.parse(stdout) as { metadata: KubernetesObject; spec: unknown };
  return { labels: metadata.labels, annotations: metadata.annotations, spec };
}

test("a Deployment in protobuf is stored as the same in JSON is", async () => {
  expect((await send("POST", DEPLOYMENTS, "application/json", deployment("as-json"))).status).toBe(201);
  expect((await send("POST", DEPLOYMENTS, PROTOBUF, deployment("as-protobuf"))).status).toBe(201);
  expect(await stored("as-protobuf")).toEqual(await stored("as-json"));
});

test("a delete whose options in protobuf say dryRun deletes nothing, and one without them does", async () => {
  await send("POST", DEPLOYMENTS, "application/json", deployment("deleted"));
  const options = { kind: "DeleteOptions", apiVersion: "apps/v1", dryRun: ["All"] };
  expect((await send("DELETE", `${DEPLOYMENTS}/deleted`, PROTOBUF, options)).status).toBe(200);
  expect(await stored("deleted")).toBeDefined();
  const now = { kind: "DeleteOptions", apiVersion: "apps/v1", propagationPolicy: "Background" };
  expect((await send("DELETE", `${DEPLOYMENTS}/deleted`, PROTOBUF, now)).status).toBe(200);
  const { stderr } = await world.admin(["get", "deployment", "deleted", "--namespace", "shop"]);
  expect(stderr).toContain("NotFound");
});
