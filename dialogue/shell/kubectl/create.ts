import type { CommandRequest, KnownResource } from "../types.ts";
import { type Asked, request, resourceNamed } from "./asked.ts";
import { isSet, lastOf } from "./command-line.ts";

type Fields = Record<string, unknown>;
interface Made {
  resource: string;
  fields: Fields;
  /** The text does not say all of it. */
  partly?: boolean;
  type?: string;
}

const all = ({ line }: Asked, option: string): readonly string[] => line.options.get(option) ?? [];
/** pflag's StringSlice: commas part. */
const list = (asked: Asked, option: string): string[] => all(asked, option).flatMap((one) => one.split(","));
const base64 = (text: string): string => Buffer.from(text).toString("base64");

function pairs(texts: readonly string[]): [string, string][] {
  return texts.flatMap((one): [string, string][] => {
    const equals = one.indexOf("=");
    return equals < 0 ? [] : [[one.slice(0, equals), one.slice(equals + 1)]];
  });
}

const KINDS: Record<string, (asked: Asked, name: string) => Made> = {
  namespace: () => ({ resource: "namespaces", fields: {} }),
  serviceaccount: () => ({ resource: "serviceaccounts", fields: {} }),
  configmap: (asked) => ({
    resource: "configmaps",
    fields: { data: Object.fromEntries(pairs(all(asked, "from-literal"))) },
    partly: fromFiles(asked),
  }),
  "secret generic": (asked) => ({
    resource: "secrets",
    fields: {
      type: lastOf(asked.line, "type") ?? "Opaque",
      data: Object.fromEntries(pairs(all(asked, "from-literal")).map(([key, value]) => [key, base64(value)])),
    },
    partly: fromFiles(asked),
  }),
  "secret docker-registry": () => ({
    resource: "secrets",
    fields: { type: "kubernetes.io/dockerconfigjson" },
    partly: true,
  }),
  "secret tls": () => ({ resource: "secrets", fields: { type: "kubernetes.io/tls" }, partly: true }),
  role: (asked) => ({ resource: "roles", fields: { rules: rulesOf(asked) } }),
  clusterrole: (asked) => ({ resource: "clusterroles", fields: clusterRole(asked) }),
  rolebinding: (asked) => ({ resource: "rolebindings", fields: binding(asked) }),
  clusterrolebinding: (asked) => ({ resource: "clusterrolebindings", fields: binding(asked) }),
  deployment: (asked, name) => ({
    resource: "deployments",
    fields: {
      spec: {
        replicas: Number(lastOf(asked.line, "replicas") ?? 1),
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { containers: containers(asked) } },
      },
    },
  }),
  job: (asked, name) =>
    asked.line.options.has("from")
      ? { resource: "jobs", fields: {}, partly: true }
      : { resource: "jobs", fields: { spec: { template: { spec: podSpec(asked, name) } } } },
  cronjob: (asked, name) => ({
    resource: "cronjobs",
    fields: {
      spec: {
        schedule: lastOf(asked.line, "schedule") ?? "",
        jobTemplate: { metadata: { name }, spec: { template: { spec: podSpec(asked, name) } } },
      },
    },
  }),
  "service clusterip": (asked) => service(asked, "ClusterIP"),
  "service nodeport": (asked) => service(asked, "NodePort"),
  "service loadbalancer": (asked) => service(asked, "LoadBalancer"),
  "service externalname": (asked) => service(asked, "ExternalName"),
  ingress: (asked) => ({
    resource: "ingresses",
    fields: { metadata: { annotations: Object.fromEntries(pairs(all(asked, "annotation"))) } },
    partly: true,
  }),
  poddisruptionbudget: () => ({ resource: "poddisruptionbudgets", fields: {}, partly: true }),
  priorityclass: (asked) => ({
    resource: "priorityclasses",
    fields: { value: Number(lastOf(asked.line, "value") ?? 0), globalDefault: isSet(asked.line, "global-default") },
  }),
  quota: (asked) => ({
    resource: "resourcequotas",
    fields: { spec: { hard: Object.fromEntries(pairs(list(asked, "hard"))) } },
  }),
};

/** `kubectl create KIND NAME …`; undefined for what is none of its kinds. */
export function created(asked: Asked): CommandRequest[] | undefined {
  const kind = asked.line.command.slice("create ".length);
  const [name = ""] = asked.line.args;
  if (kind === "token") return [token(asked, name)];
  if (!Object.hasOwn(KINDS, kind)) return undefined;
  const made = KINDS[kind]?.(asked, name);
  if (made === undefined) return undefined;
  return [create(asked, made.resource, name, made.fields, made.partly)];
}

/** A POST of an object of this name. */
export function create(asked: Asked, type: string, name: string, fields: Fields, partly = false): CommandRequest {
  const { resource, unknownGroup } = resourceNamed(type, asked.context);
  const metadata = { ...(fields.metadata as Fields | undefined), name };
  const body = { apiVersion: apiVersion(resource), kind: resource.kind, ...fields, metadata };
  const made = request(
    asked,
    "create",
    { resource, unknownGroup, name: "" },
    { body, unknown: partly ? ["object"] : [], labelSelector: "", fieldSelector: "" },
  );
  return resource.resource === "namespaces" ? { ...made, namespace: "" } : made;
}

const apiVersion = ({ group, version }: KnownResource): string => (group === "" ? version : `${group}/${version}`);
const fromFiles = ({ line }: Asked): boolean => line.options.has("from-file") || line.options.has("from-env-file");

function token(asked: Asked, name: string): CommandRequest {
  const target = { ...resourceNamed("serviceaccounts", asked.context), name };
  const audiences = all(asked, "audience");
  const spec = audiences.length === 0 ? {} : { audiences };
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  return request(asked, "create", target, { subresource: "token", body });
}

function service(asked: Asked, type: string): Made {
  const ports = list(asked, "tcp").map((one) => {
    const [port = "", target = port] = one.split(":");
    return { port: Number(port), targetPort: Number(target), protocol: "TCP" };
  });
  const externalName = lastOf(asked.line, "external-name");
  return {
    resource: "services",
    fields: { spec: { type, ports, ...(externalName === undefined ? {} : { externalName }) } },
  };
}

function containers(asked: Asked): Fields[] {
  const command = asked.line.behind;
  return list(asked, "image").map((image) => ({
    name: containerName(image),
    image,
    ...(command.length === 0 ? {} : { command: [...command] }),
  }));
}

const containerName = (image: string): string => (image.split("/").at(-1) ?? "").replace(/[:@].*$/, "");

function podSpec(asked: Asked, name: string): Fields {
  const command = [...asked.line.args.slice(1), ...asked.line.behind];
  const image = lastOf(asked.line, "image") ?? "";
  return {
    restartPolicy: lastOf(asked.line, "restart") ?? (asked.line.command === "create job" ? "Never" : "OnFailure"),
    containers: [{ name, image, ...(command.length === 0 ? {} : { command }) }],
  };
}

/** What a role grants, one rule for each API group, as kubectl makes them. */
function rulesOf(asked: Asked): Fields[] {
  const verbs = list(asked, "verb");
  const resourceNames = list(asked, "resource-name");
  const byGroup = new Map<string, string[]>();
  for (const one of list(asked, "resource")) {
    const [type = "", subresource] = one.split("/");
    const { resource } =
      type === "*" ? { resource: { group: "*", resource: "*" } } : resourceNamed(type, asked.context);
    const name = subresource === undefined ? resource.resource : `${resource.resource}/${subresource}`;
    byGroup.set(resource.group, [...(byGroup.get(resource.group) ?? []), name]);
  }
  const ofResources = [...byGroup].map(([group, resources]) => ({
    apiGroups: [group],
    resources,
    verbs,
    ...(resourceNames.length === 0 ? {} : { resourceNames }),
  }));
  const nonResourceURLs = list(asked, "non-resource-url");
  return nonResourceURLs.length === 0 ? ofResources : [...ofResources, { nonResourceURLs, verbs }];
}

function clusterRole(asked: Asked): Fields {
  const aggregated = pairs(list(asked, "aggregation-rule"));
  if (aggregated.length === 0) return { rules: rulesOf(asked) };
  return { aggregationRule: { clusterRoleSelectors: [{ matchLabels: Object.fromEntries(aggregated) }] } };
}

const RBAC = "rbac.authorization.k8s.io";

function binding(asked: Asked): Fields {
  const clusterRoleName = lastOf(asked.line, "clusterrole");
  const roleRef =
    clusterRoleName === undefined
      ? { apiGroup: RBAC, kind: "Role", name: lastOf(asked.line, "role") ?? "" }
      : { apiGroup: RBAC, kind: "ClusterRole", name: clusterRoleName };
  return { roleRef, subjects: subjects(asked) };
}

/** Of `--user`, `--group` and `--serviceaccount`. */
export function subjects(asked: Asked): Fields[] {
  return [
    ...list(asked, "user").map((name) => ({ kind: "User", apiGroup: RBAC, name })),
    ...list(asked, "group").map((name) => ({ kind: "Group", apiGroup: RBAC, name })),
    ...list(asked, "serviceaccount").map((one) => {
      const [namespace = "", name = ""] = one.split(":");
      return { kind: "ServiceAccount", namespace, name };
    }),
  ];
}
