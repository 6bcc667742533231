import { UserError } from "../base/errors.ts";

/** A resource as `kubectl api-resources` lists it. */
export interface ApiResource {
  group: string;
  version: string;
  resource: string;
  kind: string;
  namespaced: boolean;
}

/**
 * Built-in resources of Kubernetes 1.36 by group and version, as `kubectl api-resources` prints them: plural, kind,
 * and short names; `-` before the plural: not namespaced.
 */
const TABLE: Record<string, string> = {
  v1: `
    bindings Binding, configmaps ConfigMap cm, endpoints Endpoints ep, events Event ev, limitranges LimitRange limits,
    persistentvolumeclaims PersistentVolumeClaim pvc, pods Pod po, podtemplates PodTemplate,
    replicationcontrollers ReplicationController rc, resourcequotas ResourceQuota quota, secrets Secret,
    serviceaccounts ServiceAccount sa, services Service svc, -componentstatuses ComponentStatus cs,
    -namespaces Namespace ns, -nodes Node no, -persistentvolumes PersistentVolume pv`,
  "apps/v1": `
    controllerrevisions ControllerRevision, daemonsets DaemonSet ds, deployments Deployment deploy,
    replicasets ReplicaSet rs, statefulsets StatefulSet sts`,
  "batch/v1": "cronjobs CronJob cj, jobs Job",
  "autoscaling/v2": "horizontalpodautoscalers HorizontalPodAutoscaler hpa",
  "policy/v1": "poddisruptionbudgets PodDisruptionBudget pdb",
  "networking.k8s.io/v1": `
    ingresses Ingress ing, networkpolicies NetworkPolicy netpol, -ingressclasses IngressClass,
    -ipaddresses IPAddress ip, -servicecidrs ServiceCIDR`,
  "discovery.k8s.io/v1": "endpointslices EndpointSlice",
  "coordination.k8s.io/v1": "leases Lease",
  "rbac.authorization.k8s.io/v1": `
    roles Role, rolebindings RoleBinding, -clusterroles ClusterRole, -clusterrolebindings ClusterRoleBinding`,
  "storage.k8s.io/v1": `
    csistoragecapacities CSIStorageCapacity, -csidrivers CSIDriver, -csinodes CSINode, -storageclasses StorageClass sc,
    -volumeattachments VolumeAttachment, -volumeattributesclasses VolumeAttributesClass vac`,
  "admissionregistration.k8s.io/v1": `
    -mutatingwebhookconfigurations MutatingWebhookConfiguration, -validatingadmissionpolicies ValidatingAdmissionPolicy,
    -validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding,
    -validatingwebhookconfigurations ValidatingWebhookConfiguration,
    -mutatingadmissionpolicies MutatingAdmissionPolicy, -mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding`,
  "apiextensions.k8s.io/v1": "-customresourcedefinitions CustomResourceDefinition crd crds",
  "apiregistration.k8s.io/v1": "-apiservices APIService",
  "authentication.k8s.io/v1": "-selfsubjectreviews SelfSubjectReview, -tokenreviews TokenReview",
  "authorization.k8s.io/v1": `
    localsubjectaccessreviews LocalSubjectAccessReview, -selfsubjectaccessreviews SelfSubjectAccessReview,
    -selfsubjectrulesreviews SelfSubjectRulesReview, -subjectaccessreviews SubjectAccessReview`,
  "certificates.k8s.io/v1": "-certificatesigningrequests CertificateSigningRequest csr",
  "events.k8s.io/v1": "events Event ev",
  "flowcontrol.apiserver.k8s.io/v1": "-flowschemas FlowSchema, -prioritylevelconfigurations PriorityLevelConfiguration",
  "node.k8s.io/v1": "-runtimeclasses RuntimeClass",
  "scheduling.k8s.io/v1": "-priorityclasses PriorityClass pc",
};

/** As kubectl takes a resource: by any of its names. */
const byName = new Map<string, ApiResource>();
const byKind = new Map<string, ApiResource>();

for (const [groupVersion, entries] of Object.entries(TABLE)) {
  const [group, version] = groupVersion.includes("/") ? groupVersion.split("/") : ["", groupVersion];
  for (const entry of entries.split(",")) {
    const [plural = "", kind = "", ...short] = entry.trim().split(/\s+/);
    const namespaced = !plural.startsWith("-");
    const resource = plural.replace(/^-/, "");
    const found: ApiResource = { group: group ?? "", version: version ?? "", resource, kind, namespaced };
    byKind.set(`${groupVersion}/${kind}`, found);
    for (const name of [resource, kind.toLowerCase(), ...short]) {
      // The first that has a name has it: `events` are those of the core group.
      if (!byName.has(name)) byName.set(name, found);
      if (found.group !== "") byName.set(`${name}.${found.group}`, found);
    }
  }
}

/**
 * The resource that a person names: `pods`, `po`, `deployments.apps`, or `workflows.v1alpha1.argoproj.io` of a custom
 * one, which is taken as namespaced. Throws a UserError where there is none of that name.
 */
export function resourceOf(name: string): ApiResource {
  const lower = name.toLowerCase();
  const found = byName.get(lower);
  if (found !== undefined) return found;
  const custom = /^([a-z0-9-]+)(?:\.(v\d+(?:(?:alpha|beta)\d+)?))?\.([a-z0-9-]+(?:\.[a-z0-9-]+)+)$/.exec(lower);
  if (custom === null) {
    throw new UserError(`there is no built-in resource "${name}"`, {
      exitCode: 2,
      next: "Name a custom resource with its version and group: workflows.v1alpha1.argoproj.io.",
    });
  }
  const [, resource = "", version = "v1", group = ""] = custom;
  return { group, version, resource, kind: "", namespaced: true };
}

/** The resource of an object, by its apiVersion and kind; of a custom one by UnsafeGuessKindToResource of apimachinery. */
export function resourceOfKind(apiVersion: string, kind: string): ApiResource {
  const found = byKind.get(`${apiVersion}/${kind}`);
  if (found !== undefined) return found;
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  return { group, version: apiVersion.slice(slash + 1), resource: plural(kind.toLowerCase()), kind, namespaced: true };
}

function plural(singular: string): string {
  if (singular.endsWith("endpoints")) return singular;
  if (singular.endsWith("s")) return `${singular}es`;
  return singular.endsWith("y") ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}

/** The path of a resource, or of one of its objects; `namespace` "" for all of them. */
export function resourcePath(resource: ApiResource, namespace: string, name = "", subresource = ""): string {
  const { group, version, namespaced } = resource;
  const parts = group === "" ? ["api", version] : ["apis", group, version];
  if (namespaced && namespace !== "") parts.push("namespaces", namespace);
  parts.push(resource.resource);
  if (name !== "") parts.push(name);
  if (subresource !== "") parts.push(subresource);
  return `/${parts.map(encodeURIComponent).join("/")}`;
}
