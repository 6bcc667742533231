import type { CommandRequest, UnknownPart } from "../types.ts";
import { type Asked, fromFile, namesFiles, picks, request, resourceNamed, type Target, targets } from "./asked.ts";
import { isSet, lastOf, rawPath } from "./command-line.ts";
import { subjects } from "./create.ts";
import { documents, parsed } from "./documents.ts";

const STRATEGIC = "application/strategic-merge-patch+json";
const MERGE = "application/merge-patch+json";
const PATCH_TYPES: Readonly<Record<string, string>> = {
  strategic: STRATEGIC,
  merge: MERGE,
  json: "application/json-patch+json",
};

/** A patch of each object that the command names; which ones a selector picks is not known. */
function patches(
  asked: Asked,
  args: readonly string[],
  more: Partial<CommandRequest> & { unknown?: UnknownPart[] },
): CommandRequest[] {
  if (namesFiles(asked)) return documentsOr(asked, "patch", more);
  return targets(args, asked.context).map((target) => onEach(asked, "patch", target, more));
}

function onEach(asked: Asked, verb: string, target: Target, more: Parameters<typeof request>[3] = {}): CommandRequest {
  const unknown = [...(more.unknown ?? []), ...(target.name === "" ? (["name"] as const) : [])];
  return request(asked, verb, target, { ...more, unknown });
}

/** The objects of the command's files, each with this change. */
function documentsOr(asked: Asked, verb: string, more: Parameters<typeof request>[3] = {}): CommandRequest[] {
  return documents(asked, verb).map(({ body: _, ...one }) => ({
    ...one,
    ...more,
    unknown: [...new Set([...one.unknown, ...(more.unknown ?? [])])],
  }));
}

export function patched(asked: Asked): CommandRequest[] {
  const { line } = asked;
  const text = lastOf(line, "patch");
  const body = text === undefined ? undefined : parsed(text);
  const contentType = PATCH_TYPES[lastOf(line, "type") ?? "strategic"] ?? STRATEGIC;
  const subresource = lastOf(line, "subresource") ?? "";
  const known = body === undefined ? { unknown: ["object" as const] } : { body };
  return patches(asked, line.args, { contentType, subresource, ...known });
}

export const edited = (asked: Asked): CommandRequest[] =>
  patches(asked, asked.line.args, { subresource: lastOf(asked.line, "subresource") ?? "", unknown: ["object"] });

/** Objects that selectors pick are deleted one by one as well: kubectl never asks for a collection. */
export function deleted(asked: Asked): CommandRequest[] {
  const { line } = asked;
  const raw = rawPath(line);
  if (raw !== undefined) return [rawRequest(asked, "delete", raw)];
  const body = deleteOptions(asked);
  if (namesFiles(asked)) return documentsOr(asked, "delete", { body });
  return targets(line.args, asked.context).map((target) => onEach(asked, "delete", target, { body }));
}

/** As kubectl sends them: in the background unless told otherwise. */
export function deleteOptions({ line }: Asked): Record<string, unknown> {
  const said = lastOf(line, "cascade") ?? "background";
  const cascade = said === "true" ? "background" : said === "false" ? "orphan" : said;
  const now = isSet(line, "now") ? "1" : undefined;
  const grace = isSet(line, "force") && !line.options.has("grace-period") ? "0" : (now ?? lastOf(line, "grace-period"));
  return {
    kind: "DeleteOptions",
    apiVersion: "v1",
    propagationPolicy: cascade.slice(0, 1).toUpperCase() + cascade.slice(1),
    ...(grace === undefined || Number(grace) < 0 ? {} : { gracePeriodSeconds: Number(grace) }),
  };
}

export function rawRequest(asked: Asked, verb: string, path: string): CommandRequest {
  const target = {
    resource: { group: "", version: "", resource: "", kind: "", namespaced: false },
    unknownGroup: false,
    name: "",
  };
  return request(asked, verb, target, { path, labelSelector: "", fieldSelector: "" });
}

export function scaled(asked: Asked): CommandRequest[] {
  const replicas = Number(lastOf(asked.line, "replicas") ?? 0);
  return patches(asked, asked.line.args, { subresource: "scale", contentType: MERGE, body: { spec: { replicas } } });
}

export function autoscaled(asked: Asked): CommandRequest[] {
  const { line, context } = asked;
  if (namesFiles(asked)) return [fromFile(asked, "create")];
  return targets(line.args, context).map((target) => {
    const autoscaler = resourceNamed("horizontalpodautoscalers", context);
    const { group, version, kind } = target.resource;
    const scaleTargetRef = { apiVersion: group === "" ? version : `${group}/${version}`, kind, name: target.name };
    const maxReplicas = Number(lastOf(line, "max") ?? -1);
    const body = {
      apiVersion: `${autoscaler.resource.group}/${autoscaler.resource.version}`,
      kind: autoscaler.resource.kind,
      metadata: { name: lastOf(line, "name") ?? target.name },
      spec: { scaleTargetRef, maxReplicas, minReplicas: Number(lastOf(line, "min") ?? 1) },
    };
    return request(asked, "create", { ...autoscaler, name: "" }, { body });
  });
}

/** restart, pause, resume and undo change the object; history and status read it. */
export function rolledOut(asked: Asked): CommandRequest[] {
  const { line } = asked;
  const what = line.command.slice("rollout ".length);
  if (what === "status" || what === "history") {
    if (namesFiles(asked)) return documentsOr(asked, "get");
    return targets(line.args, asked.context).map((target) => onEach(asked, "get", target));
  }
  const annotations = { "kubectl.kubernetes.io/restartedAt": new Date().toISOString() };
  const bodies: Record<string, object> = {
    restart: { spec: { template: { metadata: { annotations } } } },
    pause: { spec: { paused: true } },
    resume: { spec: { paused: false } },
  };
  const body = Object.hasOwn(bodies, what) ? bodies[what] : undefined;
  return patches(asked, line.args, {
    contentType: STRATEGIC,
    ...(body === undefined ? { unknown: ["object"] } : { body }),
  });
}

/** As GetResourcesAndPairs of kubectl tells the words that change something from the names before them. */
const isPair = (word: string): boolean =>
  (word.includes("=") && !word.startsWith("=")) || (word.endsWith("-") && word !== "-");

/** `key=value` sets, `key-` removes. */
export function labelled(asked: Asked, field: "labels" | "annotations"): CommandRequest[] {
  const { line } = asked;
  if (isSet(line, "local")) return [];
  const at = line.args.findIndex(isPair);
  const first = at < 0 ? line.args.length : at;
  const entries = line.args.slice(first).map((arg): [string, string | null] => {
    const equals = arg.indexOf("=");
    return equals < 0 ? [arg.replace(/-$/, ""), null] : [arg.slice(0, equals), arg.slice(equals + 1)];
  });
  if (entries.length === 0 && isSet(line, "list")) {
    return targets(line.args, asked.context).map((target) =>
      request(asked, target.name === "" ? "list" : "get", target),
    );
  }
  const body = { metadata: { [field]: Object.fromEntries(entries) } };
  return patches(asked, line.args.slice(0, first), { contentType: MERGE, body });
}

const nodes = (asked: Asked): Target[] =>
  (picks(asked) ? [""] : asked.line.args.filter((arg) => !/[=:]|-$/.test(arg) || arg.startsWith("node"))).map(
    (name) => ({
      ...resourceNamed("nodes", asked.context),
      name,
    }),
  );

export function tainted(asked: Asked): CommandRequest[] {
  const { line } = asked;
  const [type = "nodes", ...rest] = line.args;
  const names = rest.filter((arg) => !/[=:]/.test(arg) && !arg.endsWith("-"));
  const taints = rest.flatMap((arg) => {
    const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:(\w+)$/.exec(arg) ?? [];
    return key === undefined ? [] : [{ key, ...(value === undefined ? {} : { value }), effect }];
  });
  const args = names.length === 0 ? [type] : [type, ...names];
  // The patch holds the node's other taints as well.
  return patches(asked, args, { contentType: STRATEGIC, body: { spec: { taints } }, unknown: ["object"] });
}

export function cordoned(asked: Asked, unschedulable: boolean | null): CommandRequest[] {
  return nodes(asked).map((target) =>
    onEach(asked, "patch", target, { contentType: STRATEGIC, body: { spec: { unschedulable } } }),
  );
}

/** Each pod of the node is evicted, or deleted; which ones they are is not known. */
export function drained(asked: Asked): CommandRequest[] {
  const pods = { ...resourceNamed("pods", asked.context), name: "" };
  const unknown: UnknownPart[] = ["namespace", "name"];
  const away = isSet(asked.line, "disable-eviction")
    ? request(asked, "delete", pods, { namespace: "", labelSelector: "", body: deleteOptions(asked), unknown })
    : request(asked, "create", pods, { namespace: "", labelSelector: "", subresource: "eviction", unknown });
  return [...cordoned(asked, true), away];
}

export function set(asked: Asked): CommandRequest[] {
  const { line } = asked;
  if (isSet(line, "local") || isSet(line, "list")) return [];
  const what = line.command.slice("set ".length);
  const at = line.args.findIndex(isPair);
  const changes = at < 0 ? [] : line.args.slice(at);
  const named = at < 0 ? line.args : line.args.slice(0, at);
  const open: UnknownPart[] = ["object"];
  if (what === "image" || what === "env") {
    const image = (pair: string) => ({
      name: pair.slice(0, pair.indexOf("=")),
      image: pair.slice(pair.indexOf("=") + 1),
    });
    const containers = what === "image" ? changes.map(image) : [];
    // `*=image` is every container, and of env it is not known which there are.
    const known = what === "image" && containers.every(({ name }) => name !== "*");
    return patches(asked, named, { contentType: STRATEGIC, unknown: open }).map((one) =>
      known
        ? {
            ...one,
            body: inTemplate(one.resource, { containers }),
            unknown: one.unknown.filter((part) => part !== "object"),
          }
        : one,
    );
  }
  if (what === "serviceaccount") {
    const serviceAccountName = line.args.at(-1) ?? "";
    return patches(asked, line.args.slice(0, -1), { contentType: STRATEGIC }).map((one) => ({
      ...one,
      body: inTemplate(one.resource, { serviceAccountName }),
    }));
  }
  if (what === "subject")
    return patches(asked, named, { contentType: STRATEGIC, body: { subjects: subjects(asked) }, unknown: open });
  return patches(asked, named, { contentType: STRATEGIC, unknown: open });
}

function inTemplate(resource: string, spec: object): object {
  if (resource === "pods") return { spec };
  const template = { template: { spec } };
  return { spec: resource === "cronjobs" ? { jobTemplate: { spec: template } } : template };
}
