import { beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "./harness.ts";
import { deployment } from "./objects.ts";

const RESTRICTED = {
  name: "fenced",
  match: { namespaces: ["fenced"] },
  profiles: ["baseline", "pod-security/restricted"],
};

const context = {
  privileged: true,
  allowPrivilegeEscalation: true,
  capabilities: { add: ["SYS_ADMIN"] },
  runAsUser: 0,
};
/** All that an administrator may want of a node's agent, with the least that has to be written down. */
const EXPORTER = JSON.stringify({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "exporter", namespace: "shop" },
  spec: {
    selector: { matchLabels: { app: "exporter" } },
    template: {
      metadata: { labels: { app: "exporter" } },
      spec: {
        hostNetwork: true,
        hostPID: true,
        securityContext: { seccompProfile: { type: "Unconfined" }, seLinuxOptions: { type: "spc_t" } },
        containers: [
          {
            name: "main",
            image: "registry.example.com/exporter:1",
            ports: [{ containerPort: 9100 }],
            livenessProbe: { tcpSocket: { host: "127.0.0.1", port: 9100 } },
            securityContext: { ...context, procMount: "Default" },
          },
        ],
        volumes: [{ name: "root", hostPath: { path: "/" } }],
      },
    },
  },
});

let world: World;
beforeAll(async () => {
  world = await openWorld({ guardrails: { scopes: [RESTRICTED] } });
  await world.admin(["create", "namespace", "fenced"]);
  for (const manifest of [EXPORTER, deployment("web", { namespace: "fenced" })]) {
    expect(await world.admin(["create", "-f", "-"], manifest)).toMatchObject({ code: 0 });
  }
});

const shop = (...args: string[]): ReturnType<World["kubectl"]> => world.kubectl([...args, "--namespace=shop"]);
const fenced = (...args: string[]): ReturnType<World["kubectl"]> => world.kubectl([...args, "--namespace=fenced"]);

test("what an administrator installed is restarted, labelled and replaced by itself without being found again", async () => {
  for (const args of [
    ["rollout", "restart", "daemonset/exporter"],
    ["label", "daemonset/exporter", "team=shop"],
    ["patch", "daemonset/exporter", "--type=json", `--patch=[{"op":"add","path":"/metadata/labels/a","value":"b"}]`],
  ]) {
    expect(await shop(...args), args.join(" ")).toMatchObject({ code: 0 });
  }
  const stored = await shop("get", "daemonset/exporter", "--output=json");
  expect(await world.kubectl(["replace", "-f", "-"], stored.stdout)).toMatchObject({ code: 0 });
});

test("of what is changed there, that which is new is found, and nothing else", async () => {
  const patch = (path: string, value: unknown): ReturnType<World["kubectl"]> =>
    shop("patch", "daemonset/exporter", "--type=json", `--patch=${JSON.stringify([{ op: "add", path, value }])}`);
  const spec = "/spec/template/spec";
  const { code, stderr } = await patch(`${spec}/containers/0/securityContext/capabilities/add/-`, "SYS_MODULE");
  expect(code).toBe(1);
  expect(stderr.match(/workload\/[a-z-]+: [^;.\n]*/g)).toEqual([
    "workload/capabilities: container main adds the capability SYS_MODULE",
  ]);
});

test("what the API server fills in is not asked for: a new object in the network of its node has no port of it", async () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "net", namespace: "shop" },
    spec: {
      hostNetwork: true,
      containers: [{ name: "main", image: "registry.example.com/net:1", ports: [{ containerPort: 80 }] }],
    },
  };
  const args = ["apply", "--server-side", "-f", "-"];
  const { code, stderr } = await world.kubectl(args, JSON.stringify(pod));
  expect(code).toBe(1);
  expect(stderr).toContain("workload/host-network: the pod is in the network of its node");
  expect(stderr).not.toContain("workload/host-ports");
});

test("under a Pod Security level a template may stay as it is, and must comply once it changes", async () => {
  for (const args of [
    ["rollout", "restart", "deployment/web"],
    ["scale", "deployment/web", "--replicas=1"],
    ["label", "deployment/web", "team=shop"],
  ]) {
    expect(await fenced(...args), args.join(" ")).toMatchObject({ code: 0 });
  }
  const { code, stderr } = await fenced("set", "image", "deployment/web", "main=registry.example.com/web:2");
  expect(code).toBe(1);
  for (const rule of ["capabilities-dropped", "privilege-escalation", "run-as-non-root", "seccomp-required"]) {
    expect(stderr).toContain(`pod-security/${rule}: `);
  }
  const spec = {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "main",
        image: "registry.example.com/web:2",
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      },
    ],
  };
  const patch = JSON.stringify({ spec: { template: { spec } } });
  expect(await fenced("patch", "deployment/web", `--patch=${patch}`)).toMatchObject({ code: 0 });
});
