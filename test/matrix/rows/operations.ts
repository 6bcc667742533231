import type { KubernetesObject } from "../../../engine/input.ts";
import { type Cell, labelledAs, type Resource, type Row, urlOf, type Written } from "../cell.ts";
import {
  CONFIG_MAP,
  CRD,
  CRON_JOB,
  cluster,
  custom,
  DAEMON_SET,
  DEPLOYMENT,
  deletionOf,
  deletionOfAll,
  field,
  INGRESS,
  NAMESPACES,
  NODE,
  namespaced,
  objectOf,
  POD,
  REPLICA_SET,
  REPLICATION_CONTROLLER,
  SERVICE,
  STATEFUL_SET,
  within,
  writesOf,
} from "../resources.ts";
import { DEPLOYMENTS, inTemplate, PERSISTENCE, TEMPLATE_KINDS } from "../templates.ts";

/** The same write in another place: the namespace is what offends. */
function inNamespace(namespace: string, { of, object }: { of: Resource; object: KubernetesObject }): Cell {
  const written = (to: string): Written => {
    const moved = { ...object, metadata: { ...(object.metadata as object), namespace: to } };
    return { of: within(of, to), object: labelledAs(moved), old: moved };
  };
  return { kind: "write", what: `${of.plural} in ${namespace}`, bad: written(namespace), ok: written("shop") };
}
const SYSTEM = ["kube-system", "kube-public", "kube-node-lease"];

export const systemNamespaces: Row = {
  name: "System namespaces",
  effect: "hold",
  rule: /^namespaces\//,
  cells: SYSTEM.flatMap((namespace) => [
    ...TEMPLATE_KINDS.map((kind) => ({ ...inNamespace(namespace, kind), also: PERSISTENCE })),
    inNamespace(namespace, { of: CONFIG_MAP, object: objectOf(CONFIG_MAP, { data: { a: "1" } }) }),
    inNamespace(namespace, { of: SERVICE, object: objectOf(SERVICE, { spec: { ports: [{ port: 80 }] } }) }),
    {
      ...deletionOf(within(CONFIG_MAP, namespace)),
      what: `a delete in ${namespace}`,
    },
    {
      ...deletionOf(within(POD, namespace)),
      what: `a delete of a pod in ${namespace}`,
    },
  ]),
};

const ofKind = (of: Resource): KubernetesObject =>
  TEMPLATE_KINDS.find((kind) => kind.of === of)?.object ?? objectOf(of);
const instead = (of: Resource): Cell => ({
  kind: "write",
  what: `a ${of.kind}`,
  only: "create",
  bad: { of, object: ofKind(of), old: ofKind(of) },
  ok: { of: DEPLOYMENT, object: DEPLOYMENTS.object, old: DEPLOYMENTS.object },
});

export const persistence: Row = {
  name: "Persistence",
  effect: "hold",
  rule: /^persistence\//,
  cells: [
    instead(CRON_JOB),
    instead(DAEMON_SET),
    ...TEMPLATE_KINDS.flatMap((kind) =>
      ["kubernetes.io/config.mirror", "kubernetes.io/config.source"].map((key) =>
        field(
          `the annotation ${key} in ${kind.of.plural}`,
          kind.of,
          kind.object,
          inTemplate(kind, "metadata.annotations"),
          { bad: { [key]: "file" }, ok: { "example.com/note": "file" } },
          { rule: /^persistence\/mirror-pod$/, also: PERSISTENCE },
        ),
      ),
    ),
  ],
};

const node = objectOf(NODE, { metadata: { labels: { zone: "a" } }, spec: {}, status: {} }, "node-1");
const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "web-0", namespace: "shop" } };
const binding = {
  apiVersion: "v1",
  kind: "Binding",
  metadata: { name: "web-0", namespace: "shop" },
  target: { apiVersion: "v1", kind: "Node", name: "node-1" },
};
const post = (what: string, path: string, body: KubernetesObject): Cell => ({
  kind: "raw",
  what,
  bad: { method: "POST", path, body },
  ok: { method: "POST", path: urlOf(CONFIG_MAP), body: objectOf(CONFIG_MAP), old: null },
});
const settings = (): Written => ({
  of: CONFIG_MAP,
  object: objectOf(CONFIG_MAP, { data: { a: "1" } }),
  old: objectOf(CONFIG_MAP, { data: { a: "0" } }),
});
/** An update of something, beside one of a ConfigMap. */
const updates = (
  what: string,
  of: Resource,
  old: KubernetesObject,
  object: KubernetesObject,
  subresource?: string,
): Cell => ({
  kind: "write",
  what,
  only: "update",
  bad: { of, object, old, ...(subresource === undefined ? {} : { subresource }) },
  ok: settings(),
});

export const nodes: Row = {
  name: "Nodes",
  effect: "hold",
  rule: /^nodes\/(?!proxy$)/,
  cells: [
    updates("labels of a node", NODE, node, labelledAs(node)),
    updates("taints of a node", NODE, node, {
      ...node,
      spec: { taints: [{ key: "a", value: "b", effect: "NoExecute" }] },
    }),
    updates("cordon", NODE, node, { ...node, spec: { unschedulable: true } }),
    updates("nodes/status", NODE, node, { ...node, status: { capacity: { "example.com/gpu": "8" } } }, "status"),
    deletionOf(NODE, { name: "node-1" }),
    deletionOfAll(NODE),
    post("an eviction", urlOf(POD, "web-0", "eviction"), eviction),
    post("a binding of a pod", urlOf(POD, "web-0", "binding"), binding),
    post("a binding", "/api/v1/namespaces/shop/bindings", binding),
  ],
};

const PV = cluster("v1", "PersistentVolume", "persistentvolumes");
const PVC = namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims");
const SNAPSHOT = custom(namespaced("snapshot.storage.k8s.io/v1", "VolumeSnapshot", "volumesnapshots"));
const volume = (source: KubernetesObject): KubernetesObject => ({
  spec: {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    persistentVolumeReclaimPolicy: "Retain",
    ...source,
  },
});
const hostVolume = volume({ hostPath: { path: "/var/lib" } });
const csiVolume = volume({ csi: { driver: "disk.example.com", volumeHandle: "a" } });
const claim = { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } };
const reclaimed = objectOf(PV, csiVolume, "data");

export const storage: Row = {
  name: "Storage",
  effect: "hold",
  rule: /^storage\//,
  cells: [
    { ...writesOf(PV, hostVolume), only: "create", what: "a PersistentVolume of a hostPath" },
    { ...writesOf(PV, csiVolume), only: "create", what: "a PersistentVolume of a CSI driver" },
    field(
      "the reclaim policy of a PersistentVolume",
      PV,
      reclaimed,
      "spec.persistentVolumeReclaimPolicy",
      { bad: "Delete", ok: "Retain" },
      { only: "update" },
    ),
    deletionOf(PVC, { fields: claim }),
    ...[PV, SNAPSHOT].map((of) => deletionOf(of)),
    ...[PV, PVC, SNAPSHOT].map((of) => deletionOfAll(of)),
  ],
};

const SCALABLE = [DEPLOYMENT, STATEFUL_SET, REPLICA_SET, REPLICATION_CONTROLLER];
const scaleCells = SCALABLE.flatMap((of): Cell[] => {
  const object: KubernetesObject = { ...ofKind(of), spec: { ...(ofKind(of).spec as object), replicas: 2 } };
  const scale = (replicas: number): KubernetesObject => ({
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: object.metadata,
    spec: { replicas },
  });
  const scaled = (replicas: number): Written => ({ of, subresource: "scale", object: scale(replicas), old: scale(2) });
  return [
    field(`replicas: 0 of ${of.plural}`, of, object, "spec.replicas", { bad: 0, ok: 1 }, { only: "update" }),
    { kind: "write", what: `${of.plural}/scale to 0`, only: "update", bad: scaled(0), ok: scaled(1) },
  ];
});
const finalized = (of: Resource): Cell => {
  const bare = objectOf(of, { metadata: { finalizers: [] } });
  const kept = objectOf(of, { metadata: { finalizers: ["example.com/keep"] } });
  return {
    kind: "write",
    what: `the finalizers of ${of.plural}`,
    only: "update",
    takesAway: true,
    bad: { of, object: bare, old: kept },
    ok: { of, object: labelledAs(kept), old: kept },
  };
};
const deletesWith = (what: string, bad: Record<string, unknown>, ok: Record<string, unknown>): Cell[] =>
  [POD, DEPLOYMENT, CONFIG_MAP].map((of) => ({
    ...deletionOf(of, { options: { bad, ok } }),
    ok: { of, name: "web", stored: objectOf(of) },
    what: `${what} of ${of.plural}`,
  }));

export const destruction: Row = {
  name: "Destruction",
  effect: "hold",
  rule: /^destruction\//,
  cells: [
    deletionOf(NAMESPACES, { name: "shop" }),
    deletionOf(custom(CRD), { name: "widgets.example.com" }),
    ...[CONFIG_MAP, POD, DEPLOYMENT, SERVICE, custom(namespaced("example.com/v1", "Widget", "widgets"))].map((of) =>
      deletionOfAll(of),
    ),
    ...scaleCells,
    ...[CONFIG_MAP, DEPLOYMENT, custom(namespaced("example.com/v1", "Widget", "widgets"))].map(finalized),
    updates(
      "namespaces/finalize",
      NAMESPACES,
      objectOf(NAMESPACES, {}, "shop"),
      objectOf(NAMESPACES, { spec: {} }, "shop"),
      "finalize",
    ),
    ...deletesWith("grace period 0", { gracePeriodSeconds: 0 }, { gracePeriodSeconds: 30 }),
    ...deletesWith("propagation Orphan", { propagationPolicy: "Orphan" }, { propagationPolicy: "Background" }),
    ...deletesWith("orphanDependents", { orphanDependents: true }, { orphanDependents: false }),
  ],
};

const NETWORK_POLICY = namespaced("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies");
const ENDPOINT_SLICE = namespaced("discovery.k8s.io/v1", "EndpointSlice", "endpointslices");
const ENDPOINTS = namespaced("v1", "Endpoints", "endpoints");
const service = objectOf(SERVICE, { spec: { ports: [{ port: 80 }], selector: { app: "web" } } });
const ingress = objectOf(INGRESS, { spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } } });
const SNIPPETS = ["configuration-snippet", "server-snippet", "auth-snippet", "stream-snippet"];

export const network: Row = {
  name: "Network",
  effect: "hold",
  rule: /^network\//,
  cells: [
    deletionOf(NETWORK_POLICY),
    deletionOfAll(NETWORK_POLICY),
    field("externalIPs", SERVICE, service, "spec.externalIPs", { bad: ["203.0.113.1"], ok: [] }),
    ...["LoadBalancer", "NodePort"].map((type) =>
      field(`a Service of type ${type}`, SERVICE, service, "spec.type", { bad: type, ok: "ClusterIP" }),
    ),
    updates(
      "services/status",
      SERVICE,
      service,
      { ...service, status: { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } } },
      "status",
    ),
    ...SNIPPETS.map((snippet) =>
      field(`the annotation ${snippet}`, INGRESS, ingress, "metadata.annotations", {
        bad: { [`nginx.ingress.kubernetes.io/${snippet}`]: "return 200;" },
        ok: { "nginx.ingress.kubernetes.io/rewrite-target": "/" },
      }),
    ),
    ...[ENDPOINT_SLICE, ENDPOINTS].map((of) =>
      writesOf(of, of === ENDPOINTS ? { subsets: [] } : { addressType: "IPv4", endpoints: [], ports: [] }),
    ),
    {
      ...writesOf(within(CONFIG_MAP, "kube-system"), { data: { Corefile: "." } }, { name: "coredns" }),
      what: "the CoreDNS ConfigMap",
    },
    {
      ...deletionOf(within(CONFIG_MAP, "kube-system"), { name: "coredns" }),
      what: "the deletion of the CoreDNS ConfigMap",
    },
  ],
};
