import type { CommandContext, CommandRequest, KnownResource, UnknownPart } from "../types.ts";
import { isSet, type KubectlLine, lastOf } from "./command-line.ts";

/** A kubectl command line, and what its requests are made of. */
export interface Asked {
  line: KubectlLine;
  /** What its standard input holds, where that is known. */
  stdin: string | undefined;
  context: CommandContext;
  dryRun: boolean;
}

/** A resource that a command names, and the object of it, where it names one. */
export interface Target {
  resource: KnownResource;
  /** The group was not said, and it is no built-in resource. */
  unknownGroup: boolean;
  name: string;
}

/** Types, and names of each. */
const MAX_NAMES = 200;
/** What `kubectl get all` stands for: the category of that name. */
const ALL = [
  ...["pods", "replicationcontrollers", "services", "daemonsets", "deployments", "replicasets", "statefulsets"],
  ...["horizontalpodautoscalers", "cronjobs", "jobs"],
];

export function resourceNamed(name: string, context: CommandContext): Pick<Target, "resource" | "unknownGroup"> {
  const [resource = "", ...rest] = name.toLowerCase().split(".");
  const versioned = /^v\d+((alpha|beta)\d+)?$/.test(rest[0] ?? "") && rest.length > 1;
  // `deployments.v1.apps` is deployments.apps, in one of its versions.
  const built = context.resource(versioned ? [resource, ...rest.slice(1)].join(".") : name);
  if (built !== undefined)
    return { resource: versioned ? { ...built, version: rest[0] ?? "" } : built, unknownGroup: false };
  const group = rest.slice(versioned ? 1 : 0).join(".");
  const version = versioned ? (rest[0] ?? "") : "";
  return { resource: { group, version, resource, kind: "", namespaced: true }, unknownGroup: group === "" };
}

/** `pods`, `pods,services`, `pod web db`, `pod/web svc/db`, as kubectl's resource builder takes them. */
export function targets(args: readonly string[], context: CommandContext): Target[] {
  const [first, ...names] = args.slice(0, MAX_NAMES);
  if (first === undefined) return [];
  if (args.some((arg) => arg.includes("/"))) {
    return args.slice(0, MAX_NAMES).map((arg) => {
      const slash = arg.indexOf("/");
      return {
        ...resourceNamed(slash < 0 ? arg : arg.slice(0, slash), context),
        name: slash < 0 ? "" : arg.slice(slash + 1),
      };
    });
  }
  const types = first.split(",", MAX_NAMES).flatMap((type) => (type === "all" ? ALL : [type]));
  const resources = types.map((type) => resourceNamed(type, context));
  return resources.flatMap((one) => (names.length === 0 ? [""] : names).map((name) => ({ ...one, name })));
}

/** The namespace that a request goes to, and whether the text says it. */
export function namespaceOf({ line, context }: Asked, namespaced: boolean): { namespace: string; known: boolean } {
  if (!namespaced || isSet(line, "all-namespaces")) return { namespace: "", known: true };
  const said = lastOf(line, "namespace") ?? context.namespace;
  return said === undefined || said === "" ? { namespace: "default", known: false } : { namespace: said, known: true };
}

type More = Partial<Omit<CommandRequest, "unknown">> & { unknown?: readonly UnknownPart[] };

/** A request about a target. */
export function request(asked: Asked, verb: string, target: Target, more: More = {}): CommandRequest {
  const { resource, unknownGroup, name } = target;
  const { namespace, known } = namespaceOf(asked, resource.namespaced);
  const unknown = new Set<UnknownPart>(more.unknown ?? []);
  if (unknownGroup) unknown.add("group");
  if (!known && more.namespace === undefined) unknown.add("namespace");
  const { line } = asked;
  return {
    verb,
    ...(unknownGroup ? {} : { group: resource.group }),
    version: resource.version,
    resource: resource.resource,
    subresource: "",
    // The API server calls the name of a namespace its namespace as well.
    namespace: resource.resource === "namespaces" && resource.group === "" ? name : namespace,
    name,
    labelSelector: lastOf(line, "selector") ?? "",
    fieldSelector: lastOf(line, "field-selector") ?? "",
    dryRun: asked.dryRun,
    ...more,
    unknown: [...unknown],
  };
}

/** A request about what stands in files that are not read here. */
export function fromFile(asked: Asked, verb: string): CommandRequest {
  const resource = { group: "", version: "", resource: "", kind: "", namespaced: true };
  const target: Target = { resource, unknownGroup: true, name: "" };
  return request(asked, verb, target, { unknown: ["group", "resource", "name", "object"] });
}

/** Whether the command names files (`-f`, `-k`) and no objects. */
export const namesFiles = ({ line }: Asked): boolean => line.options.has("filename") || line.options.has("kustomize");

/** Whether objects are picked by labels, fields or all of them at once. */
export const picks = ({ line }: Asked): boolean =>
  line.options.has("selector") || line.options.has("field-selector") || isSet(line, "all");
