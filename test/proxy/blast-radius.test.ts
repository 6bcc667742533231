import { expect, test } from "vitest";
import type { KubernetesObject } from "../../engine/input.ts";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { blastRadius } from "../../proxy/hold/blast-radius.ts";

interface Asked {
  method?: string;
  path: string;
  stored?: KubernetesObject | null;
  outcome?: KubernetesObject;
  options?: KubernetesObject;
  serviceAccountName?: string;
  name?: string;
}

function sentence({ method = "GET", path, stored, outcome, options = {}, serviceAccountName, name }: Asked): string {
  const attributes = requestAttributes(method, path, {});
  const target = serviceAccountName === undefined ? undefined : { uid: "u", labels: {}, serviceAccountName };
  return blastRadius({
    attributes,
    connection: { name: "prod" },
    facts: { ...(stored === undefined ? {} : { oldObject: stored }), ...(outcome === undefined ? {} : { outcome }) },
    input: {
      request: { name: name ?? attributes.name, kind: { group: "", version: "", kind: "" }, options },
      ...(attributes.exec === undefined ? {} : { exec: attributes.exec }),
      ...(target === undefined ? {} : { target }),
    },
  } as never);
}

const DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/web";
const deployment = (replicas: number, image = "nginx:1", status?: number): KubernetesObject => ({
  kind: "Deployment",
  spec: { replicas, template: { spec: { containers: [{ image }] } } },
  ...(status === undefined ? {} : { status: { replicas: status } }),
});
const binding = (kind: string, subjects: number): KubernetesObject => ({
  kind,
  roleRef: { kind: "ClusterRole", name: "admin" },
  subjects: Array.from({ length: subjects }, () => ({ kind: "User", name: "x" })),
});
const BINDINGS = "/apis/rbac.authorization.k8s.io/v1";

test.each<[what: string, Asked, string]>([
  [
    "a delete of a workload and its pods",
    { method: "DELETE", path: DEPLOYMENT, stored: deployment(14, "a", 12) },
    "deletes Deployment shop/web and its 12 pods",
  ],
  [
    "a delete that leaves the pods",
    { method: "DELETE", path: DEPLOYMENT, stored: deployment(2), options: { propagationPolicy: "Orphan" } },
    "deletes Deployment shop/web, and leaves its 2 pods behind",
  ],
  [
    "a delete of a workload that runs nothing",
    { method: "DELETE", path: DEPLOYMENT, stored: deployment(0) },
    "deletes Deployment shop/web",
  ],
  [
    "a delete of a namespace",
    { method: "DELETE", path: "/api/v1/namespaces/shop", stored: { kind: "Namespace" } },
    "deletes Namespace shop and everything in it",
  ],
  [
    "a delete of a resource definition",
    {
      method: "DELETE",
      path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shops.acme.io",
      stored: { kind: "CustomResourceDefinition" },
    },
    "deletes CustomResourceDefinition shops.acme.io and every object of shops.acme.io in the cluster",
  ],
  [
    "a delete of a volume that is not retained",
    {
      method: "DELETE",
      path: "/api/v1/persistentvolumes/v",
      stored: { kind: "PersistentVolume", spec: { persistentVolumeReclaimPolicy: "Delete" } },
    },
    "deletes PersistentVolume v and its data",
  ],
  [
    "a delete of a collection, with how many there are",
    {
      method: "DELETE",
      path: "/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb",
      stored: { kind: "PodList", items: [{}, {}, {}] },
    },
    "deletes all pods in shop that match app=web: 3 now",
  ],
  [
    "a create of what runs pods",
    { method: "POST", path: "/apis/apps/v1/namespaces/shop/deployments", outcome: deployment(3), name: "web" },
    "creates Deployment shop/web, which runs 3 pods",
  ],
  [
    "a create of what runs on every node",
    {
      method: "POST",
      path: "/apis/apps/v1/namespaces/shop/daemonsets",
      outcome: { kind: "DaemonSet" },
      name: "agent",
    },
    "creates DaemonSet shop/agent, which runs a pod on every node that it selects",
  ],
  [
    "a create whose name the server makes",
    { method: "POST", path: "/api/v1/namespaces/shop/pods", outcome: { kind: "Pod" } },
    "creates Pod shop/(a name that the server makes)",
  ],
  [
    "an apply of what is not there yet",
    { method: "PATCH", path: DEPLOYMENT, stored: null, outcome: deployment(1) },
    "creates Deployment shop/web, which runs a pod",
  ],
  [
    "a change of a pod template",
    { method: "PATCH", path: DEPLOYMENT, stored: deployment(3), outcome: deployment(3, "nginx:2") },
    "changes Deployment shop/web and replaces its 3 pods",
  ],
  [
    "a change of replicas",
    { method: "PUT", path: DEPLOYMENT, stored: deployment(3), outcome: deployment(0) },
    "changes Deployment shop/web from 3 to 0 replicas",
  ],
  [
    "a scale",
    { method: "PATCH", path: `${DEPLOYMENT}/scale`, stored: deployment(3), outcome: { kind: "Scale", spec: {} } },
    "scales Deployment shop/web from 3 to 0 replicas",
  ],
  [
    "a binding of a role in the whole cluster",
    {
      method: "POST",
      path: `${BINDINGS}/clusterrolebindings`,
      outcome: binding("ClusterRoleBinding", 2),
      name: "b",
    },
    "creates ClusterRoleBinding b, which gives ClusterRole admin to 2 subjects in the whole cluster",
  ],
  [
    "a binding of a role in a namespace",
    {
      method: "PUT",
      path: `${BINDINGS}/namespaces/shop/rolebindings/b`,
      stored: binding("RoleBinding", 0),
      outcome: binding("RoleBinding", 1),
    },
    "changes RoleBinding shop/b, which gives ClusterRole admin to one subject in its namespace",
  ],
  [
    "a webhook",
    {
      method: "POST",
      path: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
      outcome: { kind: "MutatingWebhookConfiguration" },
      name: "w",
    },
    "creates MutatingWebhookConfiguration w, which is asked about requests of the whole cluster",
  ],
  [
    "an exec",
    {
      method: "POST",
      path: "/api/v1/namespaces/shop/pods/web/exec?command=sh&container=app&stdin=true",
      serviceAccountName: "deployer",
    },
    "runs a command in container app of Pod shop/web, with its input open, which acts as ServiceAccount deployer",
  ],
  [
    "a port-forward",
    { method: "POST", path: "/api/v1/namespaces/shop/pods/web/portforward" },
    "opens connections to ports of Pod shop/web",
  ],
  [
    "an eviction",
    { method: "POST", path: "/api/v1/namespaces/shop/pods/web/eviction", stored: { kind: "Pod" } },
    "evicts Pod shop/web",
  ],
  [
    "a token",
    { method: "POST", path: "/api/v1/namespaces/shop/serviceaccounts/ci/token" },
    "makes a token that acts as ServiceAccount shop/ci",
  ],
  ["a read", { path: "/api/v1/namespaces/shop/secrets/db" }, "reads Secret shop/db"],
  ["a read of a log", { path: "/api/v1/namespaces/shop/pods/web/log" }, "reads the log of Pod shop/web"],
  ["a list", { path: "/api/v1/secrets" }, "reads all secrets everywhere"],
  ["a watch", { path: "/apis/apps/v1/namespaces/shop/deployments?watch=true" }, "watches all deployments.apps in shop"],
  ["what is no resource", { path: "/debug/pprof/heap" }, "asks for /debug/pprof/heap"],
])("the blast radius of %s is one sentence", (_, asked, expected) => {
  expect(sentence(asked)).toBe(`${expected}, on prod`);
});

test.each<[what: string, stored: unknown]>([
  ["replicas that are text", { spec: { replicas: "3" } }],
  ["a spec that is a list", { spec: [] }],
  ["a field that every object has", JSON.parse('{"spec": {"__proto__": {"replicas": 3}}}')],
  ["a status that is null", { status: null }],
])("an object with %s has no pods that anybody could count", (_, stored) => {
  expect(sentence({ method: "DELETE", path: DEPLOYMENT, stored: stored as KubernetesObject })).toMatch(
    /^deletes \S+ shop\/web, on prod$/,
  );
});
