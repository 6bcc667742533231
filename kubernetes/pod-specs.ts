import { isBuiltInGroup } from "../base/built-in-groups.ts";
import { isRawNumber } from "../base/lossless-json.ts";
import { malformed } from "./body/json.ts";
import type { KubernetesObject } from "./types.ts";

export interface PodSpecAt {
  /** Dotted path of the PodSpec in the object (`spec.template.spec`). */
  path: string;
  spec: KubernetesObject;
}

const POD = ["spec"];
const TEMPLATE = ["spec", "template", "spec"];
/** Where each built-in kind keeps its pod template, by `group/resource`. */
const PLACES: Record<string, string[]> = {
  "/pods": POD,
  "/podtemplates": ["template", "spec"],
  "/replicationcontrollers": TEMPLATE,
  "apps/deployments": TEMPLATE,
  "apps/daemonsets": TEMPLATE,
  "apps/statefulsets": TEMPLATE,
  "apps/replicasets": TEMPLATE,
  // A StatefulSet's controller makes pods of the revision that the set's status names.
  "apps/controllerrevisions": ["data", ...TEMPLATE],
  "extensions/deployments": TEMPLATE,
  "extensions/daemonsets": TEMPLATE,
  "extensions/replicasets": TEMPLATE,
  "batch/jobs": TEMPLATE,
  "batch/cronjobs": ["spec", "jobTemplate", "spec", "template", "spec"],
};
/** Subresources whose body is not the parent's kind. */
const OTHER_KIND = new Set(["scale", "eviction", "binding", "token", "exec", "attach", "portforward", "proxy", "log"]);

const CONTAINER_LISTS = ["containers", "initContainers", "ephemeralContainers"];
/**
 * What custom resources call their containers beside those: a Tekton Task has steps, sidecars and a stepTemplate, a
 * template of an Argo Workflow a container or a script (rego/lib/pods.rego reads the same).
 */
const OTHER_LISTS = ["steps", "sidecars"];
const SINGLE_CONTAINERS = ["container", "script", "stepTemplate"];
/** Keys that only a PodSpec has, for fragments of one that names no container. */
const POD_SPEC_KEYS = new Set([
  "hostNetwork",
  "hostPID",
  "hostIPC",
  "shareProcessNamespace",
  "serviceAccountName",
  "automountServiceAccountToken",
  "nodeName",
  "priorityClassName",
  "runtimeClassName",
  "imagePullSecrets",
]);
/** Deeper than any body may be nested, and than the masker looks. */
const SEARCH_DEPTH = 1000;
/** Of what looks like a pod spec inside another: policy is shown each of them whole. */
const WITHIN_LIMIT = 4;

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

const key = (name: string): string =>
  /^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `['${name.replaceAll("'", "\\'")}']`;

function looksLikePodSpec(value: KubernetesObject): boolean {
  for (const list of CONTAINER_LISTS) {
    const entries = value[list];
    if (Array.isArray(entries) && entries.some((entry) => isObject(entry) && ("image" in entry || "name" in entry))) {
      return true;
    }
  }
  // Steps and scripts of other things have neither.
  const looksLikeContainer = (one: unknown): boolean => isObject(one) && ("image" in one || "securityContext" in one);
  for (const list of OTHER_LISTS) {
    const entries = value[list];
    if (Array.isArray(entries) && entries.some(looksLikeContainer)) return true;
  }
  if (SINGLE_CONTAINERS.some((name) => looksLikeContainer(value[name]))) return true;
  if (Array.isArray(value.volumes) && value.volumes.some((entry) => isObject(entry) && "name" in entry)) return true;
  return Object.keys(value).some((name) => POD_SPEC_KEYS.has(name));
}

/**
 * Every object below that has the shape of a PodSpec, also inside one: an Argo Workflow's spec looks like one by its
 * serviceAccountName, and its templates, which have volumes of their own, are inside it.
 */
function search(value: unknown, path: string, depth: number, within: number, found: PodSpecAt[]): void {
  if (depth > SEARCH_DEPTH) throw malformed(`it is nested deeper than ${SEARCH_DEPTH} levels`);
  if (Array.isArray(value)) {
    for (const [i, entry] of value.entries()) search(entry, `${path}[${i}]`, depth + 1, within, found);
    return;
  }
  if (!isObject(value)) return;
  const isSpec = looksLikePodSpec(value);
  if (isSpec) {
    if (within === WITHIN_LIMIT) throw malformed(`it has more than ${WITHIN_LIMIT} pod specs inside each other`);
    found.push({ path: path.replace(/^\./, ""), spec: value });
  }
  const inside = isSpec ? within + 1 : within;
  for (const [name, entry] of Object.entries(value)) search(entry, path + key(name), depth + 1, inside, found);
}

/**
 * Each pod template in an object or in a merge-like patch fragment of one: at its known place for built-in
 * kinds (the body of pods/ephemeralcontainers is a Pod), by its shape for custom resources. `resource` is
 * the requested one: the body's own `kind` is the client's claim. Throws Refusal `malformed-body` where more than
 * four lie inside each other.
 */
export function podSpecs(
  object: KubernetesObject,
  resource: { group: string; resource: string; subResource?: string },
): PodSpecAt[] {
  if (OTHER_KIND.has(resource.subResource ?? "")) return [];
  const place = PLACES[`${resource.group}/${resource.resource}`];
  if (place !== undefined) {
    let value: unknown = object;
    for (const step of place) value = isObject(value) ? value[step] : undefined;
    return isObject(value) ? [{ path: place.join("."), spec: value }] : [];
  }
  // Their kinds are in PLACES or keep no pod template.
  if (isBuiltInGroup(resource.group)) return [];
  const found: PodSpecAt[] = [];
  for (const [name, entry] of Object.entries(object)) {
    if (name !== "metadata" && name !== "status") search(entry, key(name), 1, 0, found);
  }
  return found;
}
