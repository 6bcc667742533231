import type { Cell, Row } from "../cell.ts";
import { field } from "../resources.ts";
import {
  CONTAINER,
  CONTAINER_LISTS,
  inTemplate,
  PERSISTENCE,
  PODS,
  SIDE,
  TEMPLATE_KINDS,
  type TemplateKind,
} from "../templates.ts";

interface Values {
  /** Dotted path in the template, or in a container. */
  at: string;
  bad: unknown;
  ok: unknown;
}
type Fields = Record<string, Values>;

const on = (at: string): Values => ({ at, bad: true, ok: false });
const type = (at: string, bad: string, ok: string): Values => ({ at, bad: { type: bad }, ok: { type: ok } });
const context = (inner: string): string => `securityContext.${inner}`;

/** What a pod and a container may both say of security. */
const BOTH: Fields = {
  "seccomp Unconfined": type(context("seccompProfile"), "Unconfined", "RuntimeDefault"),
  "AppArmor Unconfined": type(context("appArmorProfile"), "Unconfined", "RuntimeDefault"),
  "an SELinux type": type(context("seLinuxOptions"), "spc_t", "container_t"),
  "an SELinux user": { at: context("seLinuxOptions"), bad: { user: "system_u" }, ok: { level: "s0:c1,c2" } },
  "an SELinux role": { at: context("seLinuxOptions"), bad: { role: "system_r" }, ok: { level: "s0:c1,c2" } },
  "Windows hostProcess": {
    at: context("windowsOptions"),
    bad: { hostProcess: true },
    ok: { hostProcess: false },
  },
  "runAsUser 0": { at: context("runAsUser"), bad: 0, ok: 1000 },
};

const POD_FIELDS: Fields = {
  hostPID: on("spec.hostPID"),
  hostIPC: on("spec.hostIPC"),
  hostNetwork: on("spec.hostNetwork"),
  shareProcessNamespace: on("spec.shareProcessNamespace"),
  "a sysctl": {
    at: `spec.${context("sysctls")}`,
    bad: [{ name: "kernel.msgmax", value: "1" }],
    ok: [{ name: "net.ipv4.ip_local_port_range", value: "1024 65535" }],
  },
  ...Object.fromEntries(Object.entries(BOTH).map(([name, values]) => [name, { ...values, at: `spec.${values.at}` }])),
  "AppArmor unconfined by annotation": {
    at: "metadata.annotations",
    bad: { "container.apparmor.security.beta.kubernetes.io/main": "unconfined" },
    ok: { "container.apparmor.security.beta.kubernetes.io/main": "runtime/default" },
  },
};

const http = (host: string): object => ({ httpGet: { port: 80, ...(host === "" ? {} : { host }) } });
const tcp = (host: string): object => ({ tcpSocket: { port: 80, ...(host === "" ? {} : { host }) } });
const HOST = "169.254.169.254";

const CONTAINER_FIELDS: Fields = {
  ...BOTH,
  privileged: on(context("privileged")),
  capabilities: { at: context("capabilities"), bad: { add: ["SYS_ADMIN"] }, ok: { add: ["NET_BIND_SERVICE"] } },
  "all capabilities": { at: context("capabilities"), bad: { add: ["ALL"] }, ok: { drop: ["ALL"] } },
  procMount: { at: context("procMount"), bad: "Unmasked", ok: "Default" },
  allowPrivilegeEscalation: on(context("allowPrivilegeEscalation")),
  "a hostPort": { at: "ports", bad: [{ containerPort: 80, hostPort: 80 }], ok: [{ containerPort: 80 }] },
  ...Object.fromEntries(
    ["livenessProbe", "readinessProbe", "startupProbe"].flatMap((probe) => [
      [`the HTTP host of a ${probe}`, { at: probe, bad: http(HOST), ok: http("") }],
      [`the TCP host of a ${probe}`, { at: probe, bad: tcp(HOST), ok: tcp("") }],
    ]),
  ),
  ...Object.fromEntries(
    ["postStart", "preStop"].flatMap((hook) => [
      [`the HTTP host of a ${hook}`, { at: "lifecycle", bad: { [hook]: http(HOST) }, ok: { [hook]: http("") } }],
      [`the TCP host of a ${hook}`, { at: "lifecycle", bad: { [hook]: tcp(HOST) }, ok: { [hook]: tcp("") } }],
    ]),
  ),
};

const nested = (at: string, value: unknown): object =>
  at.split(".").reduceRight<unknown>((inner, step) => ({ [step]: inner }), value) as object;

/** A container list with a second entry that says this. */
export const listWith = (list: string, at: string, value: unknown): object[] => [
  ...(list === "containers" ? [CONTAINER] : []),
  { ...SIDE, ...nested(at, value) },
];

const more = { also: PERSISTENCE, statusIgnored: true } as const;
const ofPod = (kind: TemplateKind, fields: Fields, extra: Partial<Cell> = {}): Cell[] =>
  Object.entries(fields).map(([what, { at, bad, ok }]) =>
    field(
      `${what} in ${kind.of.plural}`,
      kind.of,
      kind.object,
      inTemplate(kind, at),
      { bad, ok },
      {
        ...more,
        ...(extra as object),
      },
    ),
  );
const ofContainers = (kind: TemplateKind, list: string, fields: Fields): Cell[] =>
  Object.entries(fields).map(([what, { at, bad, ok }]) =>
    field(
      `${what} in ${list} of ${kind.of.plural}`,
      kind.of,
      kind.object,
      inTemplate(kind, `spec.${list}`),
      {
        bad: listWith(list, at, bad),
        ok: listWith(list, at, ok),
      },
      more,
    ),
  );
const viaDebug: Cell[] = Object.entries(CONTAINER_FIELDS).map(([what, { at, bad, ok }]) => {
  const cell = field(`${what} in a debug container`, PODS.of, PODS.object, "spec.ephemeralContainers", {
    bad: listWith("ephemeralContainers", at, bad),
    ok: listWith("ephemeralContainers", at, ok),
  });
  const subresource = "ephemeralcontainers";
  return {
    ...cell,
    bad: { ...cell.bad, subresource },
    ok: { ...cell.ok, subresource },
    only: "update",
    also: /^access\/debug$/,
  };
});

const HOST_PATH: Fields = {
  "a hostPath volume": {
    at: "spec.volumes",
    bad: [
      { name: "a", emptyDir: {} },
      { name: "b", hostPath: { path: "/var/run", type: "" } },
    ],
    ok: [
      { name: "a", emptyDir: {} },
      { name: "b", emptyDir: {} },
    ],
  },
};

export const escapeFields: Row = {
  name: "Escape fields",
  effect: "deny",
  rule: /^workload\//,
  cells: [
    ...TEMPLATE_KINDS.flatMap((kind) => [
      ...ofPod(kind, POD_FIELDS),
      ...CONTAINER_LISTS.flatMap((list) => ofContainers(kind, list, CONTAINER_FIELDS)),
    ]),
    ...viaDebug,
  ],
};

export const hostPath: Row = {
  name: "Escape fields: hostPath",
  effect: "hold",
  rule: /^workload\/host-path$/,
  cells: TEMPLATE_KINDS.flatMap((kind) => ofPod(kind, HOST_PATH)),
};

const STRICT = { profiles: ["strict"] };
const SCHEDULING: Fields = {
  nodeName: { at: "spec.nodeName", bad: "node-1", ok: "" },
  tolerations: { at: "spec.tolerations", bad: [{ operator: "Exists" }], ok: [] },
  serviceAccountName: { at: "spec.serviceAccountName", bad: "robot", ok: "default" },
  automountServiceAccountToken: on("spec.automountServiceAccountToken"),
  priorityClassName: { at: "spec.priorityClassName", bad: "system-node-critical", ok: "" },
  runtimeClassName: { at: "spec.runtimeClassName", bad: "unconfined", ok: "" },
};

export const scheduling: Row = {
  name: "Scheduling and identity",
  effect: "hold",
  rule: /^scheduling\//,
  guardrails: STRICT,
  cells: TEMPLATE_KINDS.flatMap((kind) => ofPod(kind, SCHEDULING, { also: /^(persistence\/|workload\/image)/ })),
};

const ALLOWED: Record<string, Record<string, string[]>> = {
  "scheduling/node-name": { nodes: ["spare-*"] },
  "scheduling/toleration": { keys: ["spare"] },
  "scheduling/service-account": { names: ["shop/web"] },
  "scheduling/token-mount": { serviceAccounts: ["shop/web"] },
  "scheduling/priority-class": { classes: ["low"] },
  "scheduling/runtime-class": { classes: ["gvisor"] },
};
/** Values that the parameters allow, in the place of none. */
const PARAMETERISED: Fields = {
  nodeName: { at: "spec.nodeName", bad: "node-1", ok: "spare-1" },
  tolerations: { at: "spec.tolerations", bad: [{ key: "gpu", operator: "Exists" }], ok: [{ key: "spare" }] },
  serviceAccountName: { at: "spec.serviceAccountName", bad: "robot", ok: "web" },
  automountServiceAccountToken: on("spec.automountServiceAccountToken"),
  priorityClassName: { at: "spec.priorityClassName", bad: "system-node-critical", ok: "low" },
  runtimeClassName: { at: "spec.runtimeClassName", bad: "unconfined", ok: "gvisor" },
};

export const schedulingByParams: Row = {
  name: "Scheduling and identity, by params",
  effect: "hold",
  rule: /^scheduling\//,
  guardrails: { rules: Object.fromEntries(Object.entries(ALLOWED).map(([rule, params]) => [rule, { params }])) },
  cells: TEMPLATE_KINDS.flatMap((kind) => ofPod(kind, PARAMETERISED)),
};

const image = (bad: string, ok: string): Values => ({ at: "image", bad, ok });
const everyImage = (what: string, values: Values): Cell[] =>
  TEMPLATE_KINDS.flatMap((kind) => CONTAINER_LISTS.flatMap((list) => ofContainers(kind, list, { [what]: values })));

export const registries: Row = {
  name: "Images: registry",
  effect: "hold",
  rule: /^workload\/image$/,
  guardrails: { rules: { "workload/image": { params: { registries: ["registry.example.com/"] } } } },
  cells: everyImage("a registry", image("evil.example.net/app:1.2.3", "registry.example.com/app:1.2.3")),
};

export const tags: Row = {
  name: "Images: tag",
  effect: "hold",
  rule: /^workload\/image-tag$/,
  guardrails: { rules: { "workload/image-tag": { effect: "hold" } } },
  cells: everyImage("a tag that moves", image("registry.example.com/app:latest", "registry.example.com/app:1.2.3")),
};

const DIGEST = `registry.example.com/app@sha256:${"0".repeat(64)}`;
/** Every image of the template is judged: all of them have a digest but the one that offends. */
function pinned(cell: Cell): Cell {
  return JSON.parse(JSON.stringify(cell).replaceAll(CONTAINER.image, DIGEST)) as Cell;
}

export const digests: Row = {
  name: "Images: digest",
  effect: "hold",
  rule: /^workload\/image-digest$/,
  guardrails: { rules: { "workload/image-digest": { effect: "hold" } } },
  cells: everyImage("no digest", image("registry.example.com/other:1.2.3", DIGEST))
    .map(pinned)
    .map((cell) => ({ ...cell, also: PERSISTENCE })),
};
