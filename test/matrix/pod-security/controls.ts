/** The levels that have controls; `privileged` has none. */
export type Level = "baseline" | "restricted";

/** A field that a control is about. */
export interface Field {
  /** Of a pod: dotted path in its template; of a container: in the container. */
  at: string;
  of: "pod" | "container";
  /** Values that the control forbids; undefined is a field that is not there. */
  bad: readonly unknown[];
  ok: readonly unknown[];
  /** Where the first of `bad` is found, if not at `at`. */
  found?: string;
  /** What the pod's own security context says in place of what complies. */
  podContext?: Record<string, unknown>;
}

/** A control of the published standards, and the rule that it is here. */
export interface Control {
  rule: string;
  levels: readonly Level[];
  /** How k8s.io/pod-security-admission says that it forbids. */
  reason: RegExp;
  fields: readonly Field[];
}

const BOTH: readonly Level[] = ["baseline", "restricted"];
/** A control that restricted has in a stricter form. */
const BASELINE: readonly Level[] = ["baseline"];
const RESTRICTED: readonly Level[] = ["restricted"];

const pod = (at: string, bad: readonly unknown[], ok: readonly unknown[], more: Partial<Field> = {}): Field => ({
  of: "pod",
  at,
  bad,
  ok,
  ...more,
});
const container = (at: string, bad: readonly unknown[], ok: readonly unknown[], more: Partial<Field> = {}): Field => ({
  ...pod(at, bad, ok, more),
  of: "container",
});
/** A field of the security context of both. */
const context = (at: string, bad: readonly unknown[], ok: readonly unknown[], more: Partial<Field> = {}): Field[] => [
  pod(`spec.securityContext.${at}`, bad, ok, more),
  container(`securityContext.${at}`, bad, ok, more),
];

const profiles = (field: string, more: Partial<Field> = {}): Field[] =>
  context(`${field}.type`, ["Unconfined", "Other", ""], ["RuntimeDefault", "Localhost"], more);

const HANDLERS = [
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "lifecycle.postStart",
  "lifecycle.preStop",
].flatMap((place) => ["httpGet", "tcpSocket"].map((action) => `${place}.${action}`));
const APP_ARMOR = "metadata.annotations['container.apparmor.security.beta.kubernetes.io/main']";

const volumes = (forbidden: readonly string[], allowed: readonly string[]): Field[] =>
  forbidden.map((type) =>
    pod(
      "spec.volumes",
      [[{ name: "data", [type]: {} }]],
      allowed.map((one) => [{ name: "data", [one]: {} }]),
      { found: `spec.volumes[0].${type}` },
    ),
  );
const VOLUMES = [
  ...["hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd"],
  ...["flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk"],
  ...["portworxVolume", "photonPersistentDisk", "scaleIO", "storageos"],
];
const ALLOWED_VOLUMES = [
  ...[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
  ],
];

const DEFAULT_CAPABILITIES = [
  ...["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"],
  ...["SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"],
];
const ADDED = ["SYS_ADMIN", "NET_RAW", "ALL", "CAP_CHOWN", "chown"];
const SYSCTLS = [
  ...["kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"],
  ...["net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"],
  ...["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"],
  ...["net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"],
];
const sysctl = (name: string): object[] => [{ name, value: "1" }];

/**
 * The Pod Security Standards of Kubernetes 1.36, field by field, with the values that they name:
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/.
 */
export const CONTROLS: readonly Control[] = [
  {
    rule: "pod-security/host-process",
    levels: BOTH,
    reason: /^hostProcess$/,
    fields: context("windowsOptions.hostProcess", [true], [false, undefined]),
  },
  {
    rule: "pod-security/host-namespaces",
    levels: BOTH,
    reason: /^host namespaces$/,
    fields: ["hostNetwork", "hostPID", "hostIPC"].map((name) => pod(`spec.${name}`, [true], [false, undefined])),
  },
  {
    rule: "pod-security/privileged-containers",
    levels: BOTH,
    reason: /^privileged$/,
    fields: [container("securityContext.privileged", [true], [false, undefined])],
  },
  {
    rule: "pod-security/capabilities",
    levels: BASELINE,
    reason: /^non-default capabilities$/,
    fields: [
      container(
        "securityContext.capabilities.add",
        ADDED.map((name) => [name]),
        [...DEFAULT_CAPABILITIES.map((name) => [name]), undefined],
        { found: "securityContext.capabilities.add[0]" },
      ),
    ],
  },
  {
    rule: "pod-security/host-path-volumes",
    levels: BASELINE,
    reason: /^hostPath volumes$/,
    fields: volumes(["hostPath"], [...ALLOWED_VOLUMES, ...VOLUMES.filter((type) => type !== "hostPath")]),
  },
  {
    rule: "pod-security/host-ports",
    levels: BOTH,
    reason: /^hostPort$/,
    fields: [
      container(
        "ports",
        [[{ containerPort: 80, hostPort: 80 }]],
        [[{ containerPort: 80 }], [{ containerPort: 80, hostPort: 0 }]],
        { found: "ports[0].hostPort" },
      ),
    ],
  },
  {
    rule: "pod-security/host-probes",
    levels: BOTH,
    reason: /^probe or lifecycle host$/,
    fields: HANDLERS.map((handler) =>
      container(handler, [{ port: 80, host: "169.254.169.254" }], [{ port: 80 }, { port: 80, host: "" }], {
        found: `${handler}.host`,
      }),
    ),
  },
  {
    rule: "pod-security/app-armor",
    levels: BOTH,
    reason: /^forbidden AppArmor profiles?$/,
    fields: [
      ...profiles("appArmorProfile"),
      pod(APP_ARMOR, ["unconfined", "other"], ["runtime/default", "localhost/shop", "", undefined]),
    ],
  },
  {
    rule: "pod-security/selinux",
    levels: BOTH,
    reason: /^seLinuxOptions$/,
    fields: [
      ...context(
        "seLinuxOptions.type",
        ["spc_t", "container_file_t"],
        ["container_t", "container_init_t", "container_kvm_t", "container_engine_t", "", undefined],
      ),
      ...context("seLinuxOptions.user", ["system_u"], ["", undefined]),
      ...context("seLinuxOptions.role", ["system_r"], ["", undefined]),
    ],
  },
  {
    rule: "pod-security/proc-mount",
    levels: BASELINE,
    reason: /^procMount$/,
    fields: [container("securityContext.procMount", ["Unmasked", "Other"], ["Default", undefined])],
  },
  {
    rule: "pod-security/seccomp",
    levels: BASELINE,
    reason: /^seccompProfile$/,
    fields: profiles("seccompProfile"),
  },
  {
    rule: "pod-security/sysctls",
    levels: BOTH,
    reason: /^forbidden sysctls$/,
    fields: [
      pod("spec.securityContext.sysctls", ["kernel.msgmax", "net.core.somaxconn"].map(sysctl), SYSCTLS.map(sysctl), {
        found: "spec.securityContext.sysctls[0].name",
      }),
    ],
  },
  {
    rule: "pod-security/volume-types",
    levels: RESTRICTED,
    reason: /^restricted volume types$/,
    fields: volumes(VOLUMES, ALLOWED_VOLUMES),
  },
  {
    rule: "pod-security/privilege-escalation",
    levels: RESTRICTED,
    reason: /^allowPrivilegeEscalation != false$/,
    fields: [container("securityContext.allowPrivilegeEscalation", [true, undefined], [false])],
  },
  {
    rule: "pod-security/run-as-non-root",
    levels: RESTRICTED,
    reason: /^runAsNonRoot != true$/,
    fields: [
      ...context("runAsNonRoot", [false], [true]),
      container("securityContext.runAsNonRoot", [undefined, false], [true], {
        podContext: { runAsNonRoot: undefined },
      }),
    ],
  },
  {
    rule: "pod-security/run-as-user",
    levels: RESTRICTED,
    reason: /^runAsUser=0$/,
    fields: context("runAsUser", [0], [1, 1000, undefined]),
  },
  {
    rule: "pod-security/seccomp-required",
    levels: RESTRICTED,
    reason: /^seccompProfile$/,
    fields: [
      ...profiles("seccompProfile"),
      container("securityContext.seccompProfile", [undefined], [{ type: "RuntimeDefault" }, { type: "Localhost" }], {
        podContext: { seccompProfile: undefined },
      }),
    ],
  },
  {
    rule: "pod-security/capabilities-dropped",
    levels: RESTRICTED,
    reason: /^unrestricted capabilities$/,
    fields: [
      container("securityContext.capabilities.drop", [["KILL"], ["all"], undefined], [["ALL"], ["KILL", "ALL"]]),
      container(
        "securityContext.capabilities.add",
        [...ADDED, "CHOWN"].map((name) => [name]),
        [["NET_BIND_SERVICE"], undefined],
        { found: "securityContext.capabilities.add[0]" },
      ),
    ],
  },
  {
    rule: "pod-security/proc-mount-default",
    levels: RESTRICTED,
    reason: /^procMount$/,
    fields: [container("securityContext.procMount", ["Unmasked", "Other"], ["Default", undefined])],
  },
];
