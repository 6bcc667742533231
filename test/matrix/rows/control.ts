import type { KubernetesObject } from "../../../engine/input.ts";
import { type Cell, labelledAs, type Resource, type Row, urlOf } from "../cell.ts";
import {
  CLUSTER_ROLE,
  CONFIG_MAP,
  CRD,
  cluster,
  custom,
  deletionOf,
  deletionOfAll,
  field,
  NAMESPACES,
  namespaced,
  objectOf,
  SERVICE_ACCOUNT,
  within,
  writesOf,
} from "../resources.ts";

const RBAC = "rbac.authorization.k8s.io";
const ROLE = namespaced(`${RBAC}/v1`, "Role", "roles");
const ROLE_BINDING = namespaced(`${RBAC}/v1`, "RoleBinding", "rolebindings");
const CLUSTER_ROLE_BINDING = cluster(`${RBAC}/v1`, "ClusterRoleBinding", "clusterrolebindings");

const grants = (verbs: string[], resources: string[], apiGroups = [""]): KubernetesObject => ({
  rules: [{ apiGroups, resources, verbs }],
});
const binds = (subject: object, roleRef: object): KubernetesObject => ({
  roleRef: { apiGroup: RBAC, ...roleRef },
  subjects: [subject],
});
const VIEW = { kind: "ClusterRole", name: "view" };
const ADMIN = { kind: "ClusterRole", name: "cluster-admin" };
const robot = { kind: "ServiceAccount", name: "robot", namespace: "shop" };
const group = (name: string): object => ({ kind: "Group", apiGroup: RBAC, name });
const user = (name: string): object => ({ kind: "User", apiGroup: RBAC, name });

const named = (what: string, cell: ReturnType<typeof writesOf>): Cell => ({ ...cell, what });

export const rbac: Row = {
  name: "RBAC",
  effect: "deny",
  rule: /^rbac\//,
  cells: [
    ...[ROLE, CLUSTER_ROLE].flatMap((of) => [
      named(`an ordinary one of ${of.plural}`, writesOf(of, grants(["get"], ["pods"]))),
      named(`the verb * in ${of.plural}`, writesOf(of, grants(["*"], ["pods"]))),
      named(`the resource * in ${of.plural}`, writesOf(of, grants(["get"], ["*"], ["*"]))),
      ...["bind", "escalate"].map((verb) =>
        named(`the verb ${verb} in ${of.plural}`, writesOf(of, grants([verb], ["clusterroles"], [RBAC]))),
      ),
      named(`the verb impersonate in ${of.plural}`, writesOf(of, grants(["impersonate"], ["users"]))),
      ...["approve", "sign"].map((verb) =>
        named(`the verb ${verb} in ${of.plural}`, writesOf(of, grants([verb], ["signers"], ["certificates.k8s.io"]))),
      ),
      deletionOf(of, { fields: grants(["get"], ["pods"]) }),
      deletionOfAll(of),
    ]),
    named(
      "an aggregationRule",
      writesOf(CLUSTER_ROLE, { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] }, rules: [] }),
    ),
    ...[ROLE_BINDING, CLUSTER_ROLE_BINDING].flatMap((of) => [
      named(`view in ${of.plural}`, writesOf(of, binds(robot, VIEW), { roleRules: [] })),
      named(`cluster-admin in ${of.plural}`, writesOf(of, binds(robot, ADMIN), { roleRules: [] })),
      ...["system:masters", "system:unauthenticated"].map((name) =>
        named(`${name} in ${of.plural}`, writesOf(of, binds(group(name), VIEW), { roleRules: [] })),
      ),
      named(`system:anonymous in ${of.plural}`, writesOf(of, binds(user("system:anonymous"), VIEW), { roleRules: [] })),
      deletionOf(of, { fields: binds(robot, VIEW) }),
      deletionOfAll(of),
    ]),
  ],
};

const impersonation = (header: string, value: string): Cell => ({
  kind: "raw",
  what: `the header ${header}`,
  bad: { method: "GET", path: urlOf(CONFIG_MAP), headers: { [header]: value } },
  ok: { method: "GET", path: urlOf(CONFIG_MAP), headers: { "x-note": value } },
});

export const impersonationHeaders: Row = {
  name: "Impersonation",
  effect: "deny",
  rule: /^(request\/|identity\/impersonat)/,
  cells: [
    impersonation("impersonate-user", "root"),
    impersonation("impersonate-group", "system:masters"),
    impersonation("impersonate-uid", "0"),
    impersonation("impersonate-extra-scopes", "all"),
    impersonation("Impersonate-User", ""),
  ],
};

const CSR = cluster("certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests");
const csr = objectOf(CSR, {
  spec: { request: "LS0tLS1CRUdJTg==", signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] },
});
const condition = { type: "Approved", status: "True", reason: "a", message: "b" };
const csrPart = (subresource: string, status: KubernetesObject): Cell => ({
  kind: "write",
  what: `a certificate's /${subresource}`,
  only: "update",
  bad: { of: CSR, subresource, object: { ...csr, status }, old: csr },
  ok: {
    of: CONFIG_MAP,
    object: objectOf(CONFIG_MAP, { data: { a: "1" } }),
    old: objectOf(CONFIG_MAP, { data: { a: "0" } }),
  },
});

export const csrs: Row = {
  name: "CSR",
  effect: "deny",
  rule: /^csr\//,
  cells: [
    { ...writesOf(CSR, { spec: csr.spec }), only: "create", what: "a certificate signing request" },
    csrPart("approval", { conditions: [condition] }),
    csrPart("status", { certificate: "LS0tLS1CRUdJTg==" }),
  ],
};

const ADMISSION = "admissionregistration.k8s.io";
const admissionKinds: Resource[] = [
  cluster(`${ADMISSION}/v1`, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
  cluster(`${ADMISSION}/v1`, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
  cluster(`${ADMISSION}/v1`, "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
  cluster(`${ADMISSION}/v1`, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
  cluster(`${ADMISSION}/v1beta1`, "MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
  cluster(`${ADMISSION}/v1beta1`, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
  custom(cluster("apiregistration.k8s.io/v1", "APIService", "apiservices")),
];
const crd = objectOf(
  custom(CRD),
  {
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { kind: "Widget", plural: "widgets", singular: "widget" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
    },
  },
  "widgets.example.com",
);

export const admission: Row = {
  name: "Admission and API machinery",
  effect: "deny",
  rule: /^admission\//,
  cells: [
    ...admissionKinds.flatMap((of) => [writesOf(of), deletionOf(of), deletionOfAll(of)]),
    field("a CRD's conversion webhook", custom(CRD), crd, "spec.conversion", {
      bad: { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { url: "https://a.b" } } },
      ok: { strategy: "None" },
    }),
  ],
};

const annotated = (what: string, key: string, value: string): Cell =>
  field(what, SERVICE_ACCOUNT, objectOf(SERVICE_ACCOUNT, {}, "robot"), "metadata.annotations", {
    bad: { [key]: value },
    ok: { "example.com/note": value },
  });

export const cloud: Row = {
  name: "Cloud identity",
  effect: "deny",
  rule: /^cloud\//,
  cells: [
    {
      ...writesOf(within(CONFIG_MAP, "kube-system"), { data: { mapRoles: "[]" } }, { name: "aws-auth" }),
      what: "kube-system/aws-auth",
    },
    {
      ...deletionOf(within(CONFIG_MAP, "kube-system"), { name: "aws-auth" }),
      what: "the deletion of kube-system/aws-auth",
    },
    annotated("an IAM role of AWS", "eks.amazonaws.com/role-arn", "arn:aws:iam::1:role/admin"),
    annotated("a service account of Google Cloud", "iam.gke.io/gcp-service-account", "a@b.iam.gserviceaccount.com"),
    annotated("a client of Azure", "azure.workload.identity/client-id", "00000000-0000-0000-0000-000000000000"),
    annotated("a tenant of Azure", "azure.workload.identity/tenant-id", "00000000-0000-0000-0000-000000000000"),
  ],
};

const EVENT = namespaced("v1", "Event", "events");
const NEW_EVENT = namespaced("events.k8s.io/v1", "Event", "events");

export const evidence: Row = {
  name: "Evidence",
  effect: "deny",
  rule: /^evidence\//,
  cells: [
    deletionOf(EVENT, { fields: { involvedObject: { kind: "Pod", name: "web", namespace: "shop" } } }),
    deletionOf(NEW_EVENT),
    ...[EVENT, NEW_EVENT].map((of) => deletionOfAll(of)),
  ],
};

const GATEWAY = "sallyport";
const gitOps: Resource[] = [
  ["argoproj.io/v1alpha1", "Application", "applications"],
  ["argoproj.io/v1alpha1", "ApplicationSet", "applicationsets"],
  ["argoproj.io/v1alpha1", "AppProject", "appprojects"],
  ["kustomize.toolkit.fluxcd.io/v1", "Kustomization", "kustomizations"],
  ["helm.toolkit.fluxcd.io/v2", "HelmRelease", "helmreleases"],
  ["source.toolkit.fluxcd.io/v1", "GitRepository", "gitrepositories"],
].map(([apiVersion = "", kind = "", plural = ""]) => custom(namespaced(apiVersion, kind, plural)));
const tenancyKinds: Resource[] = [
  namespaced("v1", "ResourceQuota", "resourcequotas"),
  namespaced("v1", "LimitRange", "limitranges"),
  namespaced("coordination.k8s.io/v1", "Lease", "leases"),
  namespaced("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  ...gitOps,
];
const security = "pod-security.kubernetes.io";

export const tenancy: Row = {
  name: "Guardrail and tenancy self-edit",
  effect: "deny",
  rule: /^tenancy\//,
  cells: [
    { ...writesOf(within(CONFIG_MAP, GATEWAY)), what: "a write in the gateway's namespace" },
    { ...deletionOf(within(CONFIG_MAP, GATEWAY)), what: "a delete in the gateway's namespace" },
    ...["enforce", "enforce-version", "audit", "warn"].map((mode) =>
      field(`the label ${mode} of pod security`, NAMESPACES, objectOf(NAMESPACES, {}, "shop"), "metadata.labels", {
        bad: { [`${security}/${mode}`]: "privileged" },
        ok: { "example.com/note": "privileged" },
      }),
    ),
    ...tenancyKinds.flatMap((of) => [writesOf(of), deletionOf(of), deletionOfAll(of)]),
  ],
};

const review = (kind: string, plural: string, spec: KubernetesObject): Cell => ({
  kind: "raw",
  what: plural,
  bad: {
    method: "POST",
    path: `/apis/authorization.k8s.io/v1/${plural}`,
    body: { apiVersion: "authorization.k8s.io/v1", kind, spec },
    old: null,
  },
  ok: { method: "POST", path: urlOf(CONFIG_MAP), body: labelledAs(objectOf(CONFIG_MAP)), old: null },
});
const path = (text: string): Cell => ({
  kind: "raw",
  what: text,
  bad: { method: "GET", path: text },
  ok: { method: "GET", path: "/version" },
});
const log = (query: string): Cell => ({
  kind: "raw",
  what: `pods/log${query}`,
  bad: { method: "GET", path: `/api/v1/namespaces/shop/pods/web-0/log${query}` },
  ok: { method: "GET", path: `/api/v1/namespaces/shop/pods/web-0${query}` },
});

export const recon: Row = {
  name: "Recon",
  effect: "record",
  rule: /^recon\//,
  cells: [
    review("SelfSubjectAccessReview", "selfsubjectaccessreviews", {
      resourceAttributes: { verb: "list", resource: "secrets" },
    }),
    review("SelfSubjectRulesReview", "selfsubjectrulesreviews", { namespace: "shop" }),
    log(""),
    log("?follow=true&container=main"),
    ...[
      "/debug/pprof/",
      "/debug/pprof/profile",
      "/debug/flags/v",
      "/metrics",
      "/metrics/cadvisor",
      "/logs",
      "/logs/kube-apiserver.log",
    ].map(path),
  ],
};
