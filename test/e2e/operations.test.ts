import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { Finished } from "../../cli/up/command.ts";
import { approveNext, openWorld, type World } from "./harness.ts";
import { configMap, deployment, documents, hostPathPod } from "./objects.ts";

/** The rules on operations against what the real kubectl sends, and what the real API server makes of it. */
let world: World;

const POD = { containers: [{ name: "main", image: "registry.example.com/web:1" }] };
const object = (apiVersion: string, kind: string, name: string, rest: object = {}): string => {
  const { metadata, ...body } = rest as { metadata?: object };
  return stringify({ apiVersion, kind, metadata: { name, namespace: "ops", ...metadata }, ...body });
};
const pod = (name: string, spec: object = {}): string => object("v1", "Pod", name, { spec: { ...POD, ...spec } });
const volume = stringify({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "data" },
  spec: {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    persistentVolumeReclaimPolicy: "Retain",
    nfs: { server: "nfs.example.com", path: "/data" },
  },
});

beforeAll(async () => {
  const approval = { approvers: ["group:dev:sre"], required: 1, holdSeconds: 0 };
  world = await openWorld({ guardrails: { defaults: { record: "Metadata", approval } } });
  const installed = [
    stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "ops" } }),
    stringify({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } }),
    volume,
    object("v1", "ServiceAccount", "puller", { imagePullSecrets: [{ name: "registry" }] }),
    object("v1", "ConfigMap", "kept", { metadata: { finalizers: ["example.com/keep"] } }),
    deployment("web", { namespace: "ops" }).replace("replicas: 0", "replicas: 1"),
    deployment("idle", { namespace: "ops" }),
    object("apps/v1", "DaemonSet", "agent", {
      spec: {
        selector: { matchLabels: { app: "agent" } },
        template: { metadata: { labels: { app: "agent" } }, spec: POD },
      },
    }),
    object("v1", "Secret", "db", { stringData: { password: "correct-horse" } }),
    object("networking.k8s.io/v1", "NetworkPolicy", "closed", { spec: { podSelector: {} } }),
    ...["plain", "doomed", "gone"].map((name) => pod(name)),
  ];
  const { code, stderr } = await world.admin(["create", "-f", "-"], documents(...installed));
  if (code !== 0) throw new Error(stderr);
});

let sessions = 0;
/** kubectl in a session of its own: what one has waited for is no other's business. */
function kubectl(command: string, input?: string): Promise<Finished> {
  const env = { CLAUDE_CODE_SESSION_ID: `operations-${sessions++}` };
  return world.agent.kubectl(command.split(" "), { env, ...(input === undefined ? {} : { input }) }).finished;
}

const RULE = /(?:held for approval by|;) ([a-z-]+\/[a-z-]+):/g;
const rulesIn = ({ stderr }: Finished): string[] =>
  [...new Set([...stderr.matchAll(RULE)].map(([, rule = ""]) => rule))].sort();

interface Command {
  command: string;
  input?: string;
  /** Only where everything is tested. */
  more?: true;
}

/** Those that the gateway judges as it judges one of the others, by another rule. */
const ALL = process.env.SALLYPORT_TEST_ALL === "1";
const shown = <T extends { more?: true }>(commands: T[]): T[] => commands.filter(({ more }) => ALL || more !== true);

const eviction = JSON.stringify({
  apiVersion: "policy/v1",
  kind: "Eviction",
  metadata: { name: "plain", namespace: "ops" },
});

describe("kubectl is held by", () => {
  test.concurrent.for(
    shown<Command & { rules: string }>([
      { command: "debug plain -n ops --copy-to=copy --set-image=*=sh:1 -q --attach=false", rules: "access/debug-copy" },
      { command: "cordon n1", rules: "nodes/write" },
      { more: true, command: "taint nodes n1 tenant=pay:NoExecute", rules: "nodes/write" },
      { more: true, command: "delete node n1", rules: "nodes/delete" },
      { command: "scale deployment/web -n ops --replicas=0", rules: "destruction/scale-to-zero" },
      {
        more: true,
        command: 'patch deployment web -n ops --type=json -p [{"op":"replace","path":"/spec/replicas","value":0}]',
        rules: "destruction/scale-to-zero",
      },
      { command: "delete pod doomed -n ops --force --grace-period=0", rules: "destruction/grace-period" },
      { command: "delete deployment web -n ops --cascade=orphan", rules: "destruction/orphan" },
      {
        command: 'patch configmap kept -n ops --type=merge -p {"metadata":{"finalizers":null}}',
        rules: "destruction/finalizers",
      },
      { command: "delete --raw /api/v1/namespaces/ops/configmaps", rules: "destruction/collection" },
      { more: true, command: "delete namespace ops", rules: "destruction/namespace" },
      {
        command: 'patch pv data -p {"spec":{"persistentVolumeReclaimPolicy":"Delete"}}',
        rules: "storage/reclaim-policy",
      },
      { more: true, command: "delete pv data", rules: "storage/delete" },
      { command: "expose deployment web -n ops --port=80 --type=NodePort", rules: "network/exposure" },
      {
        more: true,
        command: "expose deployment web -n ops --port=80 --external-ip=203.0.113.1",
        rules: "network/external-ips",
      },
      { more: true, command: "delete networkpolicy closed -n ops", rules: "network/policy-delete" },
      { command: "set env deployment/web -n ops --from=secret/db", rules: "secrets/consume" },
      {
        more: true,
        command: "create cronjob tick -n ops --image=sh:1 --schedule=@hourly",
        rules: "persistence/cron-job",
      },
      { command: "set image daemonset/agent -n ops main=sh:1", rules: "persistence/daemon-set" },
      { command: "apply --server-side -f -", input: configMap("mine", {}, "kube-system"), rules: "namespaces/system" },
    ]),
  )("$rules: $command", async ({ command, input, rules }) => {
    const answer = await kubectl(command, input);
    // `kubectl cordon` says that it failed, and exits 0.
    expect(rulesIn(answer), answer.stderr).toEqual([rules]);
  });
});

describe("kubectl goes through with", () => {
  test.concurrent.for(
    shown<Command>([
      { command: "scale deployment/web -n ops --replicas=2" },
      { command: "scale deployment/idle -n ops --replicas=0" },
      { command: "rollout restart daemonset/agent -n ops" },
      { command: "set env deployment/web -n ops COLOUR=blue" },
      { more: true, command: "label configmap kept -n ops tier=web" },
      { more: true, command: "expose deployment idle -n ops --port=80" },
      { more: true, command: "create job once -n ops --image=sh:1" },
      { more: true, command: "run shell -n ops --image=sh:1" },
      { command: "delete pod gone -n ops --wait=false" },
      { command: "apply --server-side -f -", input: pod("pulled", { serviceAccountName: "puller" }) },
    ]),
  )("$command", async ({ command, input }) => {
    const { code, stderr } = await kubectl(command, input);
    expect(code, stderr).toBe(0);
  });
});

test("what the API server adds to a pod is no part of what is held", async () => {
  const answer = await kubectl("create -f -", hostPathPod("mounts", "ops"));
  expect(rulesIn(answer), answer.stderr).toEqual(["workload/host-path"]);
});

test("an eviction, which has no outcome to show, goes through once it is approved", async () => {
  const evict = "create --raw /api/v1/namespaces/ops/pods/plain/eviction -f -";
  expect(rulesIn(await kubectl(evict, eviction))).toEqual(["nodes/eviction"]);
  await approveNext(world, "plain");
  const { code, stderr } = await kubectl(evict, eviction);
  expect(code, stderr).toBe(0);
});
