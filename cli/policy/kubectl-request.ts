import { didYouMean } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import { type ApiResource, resourceOf, resourcePath } from "../../kubernetes/resources.ts";
import type { ExplainRequest } from "../../proxy/explain/request.ts";
import { written } from "./kubectl-files.ts";
import { each, type Flags, json, nothingMore, one, parseKubectl, withNames, withQuery } from "./kubectl-flags.ts";

type Verb = (flags: Flags) => ExplainRequest[] | Promise<ExplainRequest[]>;

const VERBS: Record<string, Verb> = {
  get: read,
  describe: read,
  create: (flags) => (flags.values.filename === undefined ? createNamed(flags) : written(flags, "POST")),
  apply: (flags) => (flags.values["server-side"] === true ? written(flags, "APPLY") : written(flags, "POST")),
  replace: (flags) => written(flags, "PUT"),
  patch,
  delete: remove,
  exec: (flags) => connect(flags, "exec"),
  attach: (flags) => connect(flags, "attach"),
  "port-forward": (flags) => connect(flags, "portforward"),
  logs,
  scale,
  rollout: restart,
  label: (flags) => labelled(flags, "labels"),
  annotate: (flags) => labelled(flags, "annotations"),
  cordon: (flags) => node(flags, true),
  uncordon: (flags) => node(flags, null),
  run,
};

/**
 * The requests that a kubectl command line sends to change or read what it names; what kubectl looks up before
 * (discovery, the object that `apply` compares with) is left out. `args` without `kubectl`. Throws a UserError.
 */
export async function kubectlRequests(args: readonly string[]): Promise<ExplainRequest[]> {
  const { values, positionals, behind } = parseKubectl(args[0] === "kubectl" ? args.slice(1) : args);
  const [name = "", ...rest] = positionals;
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (verb === undefined) {
    throw new UserError(`"${name}" is no kubectl command that is known here; ${didYouMean(name, Object.keys(VERBS))}`, {
      exitCode: 2,
      next: "Write the request itself: `sallyport policy explain --request METHOD PATH --body FILE`.",
    });
  }
  const namespace = values["all-namespaces"] === true ? "" : (values.namespace ?? "default");
  const requests = await verb({ namespace, values, args: rest, command: behind });
  const dryRun = values["dry-run"] === "server" ? "dryRun=All" : "";
  return dryRun === "" ? requests : requests.map((one) => ({ ...one, path: withQuery(one.path, dryRun) }));
}

function read(flags: Flags): ExplainRequest[] {
  const { values, namespace } = flags;
  if (values.raw !== undefined) return [{ method: "GET", path: values.raw }];
  const query = new URLSearchParams();
  if (values.selector !== undefined) query.set("labelSelector", values.selector);
  if (values["field-selector"] !== undefined) query.set("fieldSelector", values["field-selector"]);
  if (values.watch === true) query.set("watch", "true");
  return each(flags).map(({ resource, name }) => {
    const path = resourcePath(resource, namespace, name, values.subresource);
    return { method: "GET", path: withQuery(path, query.toString()) };
  });
}

const WRITTEN = "Write what it makes to a file (--dry-run=client -o yaml), and explain `create -f FILE`.";

function createNamed(flags: Flags): ExplainRequest[] {
  nothingMore(flags.values.image === undefined ? [] : [`--image=${flags.values.image}`], WRITTEN);
  nothingMore(
    [...flags.args.slice(flags.args[0] === "token" ? 2 : flags.args[0]?.includes("/") ? 1 : 2), ...flags.command],
    WRITTEN,
  );
  const { resource, name } = flags.args[0] === "token" ? tokenOf(flags) : one(flags);
  if (resource.kind === "TokenRequest") {
    const path = resourcePath(resourceOf("serviceaccounts"), flags.namespace, name, "token");
    const body = json({ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} });
    return [{ method: "POST", path, contentType: "application/json", body }];
  }
  const apiVersion = resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
  const body = json({ apiVersion, kind: resource.kind, metadata: { name } });
  return [{ method: "POST", path: resourcePath(resource, flags.namespace), contentType: "application/json", body }];
}

function tokenOf({ args }: Flags): { resource: ApiResource; name: string } {
  return { resource: { ...resourceOf("serviceaccounts"), kind: "TokenRequest" }, name: args[1] ?? "" };
}

const PATCH_TYPES: Record<string, string> = {
  strategic: "application/strategic-merge-patch+json",
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
};

function patch(flags: Flags): ExplainRequest[] {
  const { resource, name } = one(flags);
  const { patch: text = "", type = "strategic", subresource } = flags.values;
  const contentType = Object.hasOwn(PATCH_TYPES, type) ? PATCH_TYPES[type] : undefined;
  if (contentType === undefined)
    throw new UserError(`--type ${type}: ${didYouMean(type, Object.keys(PATCH_TYPES))}`, { exitCode: 2 });
  const path = resourcePath(resource, flags.namespace, name, subresource);
  return [{ method: "PATCH", path, contentType, body: Buffer.from(text) }];
}

function patched(flags: Flags, change: object, subresource = "", type = "strategic"): ExplainRequest[] {
  const { resource, name } = one(flags);
  const path = resourcePath(resource, flags.namespace, name, subresource);
  return [{ method: "PATCH", path, contentType: PATCH_TYPES[type] ?? "", body: json(change) }];
}

/** kubectl deletes in the background unless told otherwise, and says so in the body. */
function remove(flags: Flags): ExplainRequest[] {
  const { cascade = "background", force } = flags.values;
  const grace = force === true ? "0" : flags.values["grace-period"];
  const options = {
    kind: "DeleteOptions",
    apiVersion: "v1",
    propagationPolicy: cascade.slice(0, 1).toUpperCase() + cascade.slice(1),
    ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
  };
  return withNames(each(flags)).map(({ resource, name }) => {
    const path = resourcePath(resource, flags.namespace, name);
    return { method: "DELETE", path, contentType: "application/json", body: json(options) };
  });
}

function podOf({ args, namespace }: Flags, subresource: string): string {
  const name = (args[0] ?? "").replace(/^(?:pods?|po)\//, "");
  if (name === "" || name.includes("/")) {
    throw new UserError("name the pod itself: kubectl looks up the pods of anything else first", { exitCode: 2 });
  }
  return resourcePath(resourceOf("pods"), namespace, name, subresource);
}

/** kubectl 1.31 and newer connect by WebSocket. */
function connect(flags: Flags, subresource: "exec" | "attach" | "portforward"): ExplainRequest[] {
  const { values, command } = flags;
  // Of a port-forward, its ports.
  if (subresource !== "portforward") nothingMore(flags.args.slice(1), "Put the command behind `--`.");
  const query = new URLSearchParams();
  if (subresource === "exec") for (const word of command) query.append("command", word);
  if (values.container !== undefined) query.set("container", values.container);
  if (subresource !== "portforward") {
    if (values.stdin === true) query.set("stdin", "true");
    query.set("stdout", "true");
    query.set(values.tty === true ? "tty" : "stderr", "true");
  }
  return [{ method: "GET", path: withQuery(podOf(flags, subresource), query.toString()), protocol: "websocket" }];
}

function logs(flags: Flags): ExplainRequest[] {
  nothingMore(flags.args.slice(1), "Name the container by -c.");
  const query = new URLSearchParams();
  if (flags.values.container !== undefined) query.set("container", flags.values.container);
  if (flags.values.follow === true) query.set("follow", "true");
  return [{ method: "GET", path: withQuery(podOf(flags, "log"), query.toString()) }];
}

function scale(flags: Flags): ExplainRequest[] {
  const replicas = Number(flags.values.replicas);
  if (!Number.isInteger(replicas)) throw new UserError("--replicas is needed, and is a whole number", { exitCode: 2 });
  return patched(flags, { spec: { replicas } }, "scale", "merge");
}

function restart(flags: Flags): ExplainRequest[] {
  const [what = "", ...args] = flags.args;
  if (what !== "restart") throw new UserError(`rollout ${what}: only restart is known here`, { exitCode: 2 });
  const annotations = { "kubectl.kubernetes.io/restartedAt": new Date().toISOString() };
  return patched({ ...flags, args }, { spec: { template: { metadata: { annotations } } } });
}

/** `key=value` sets, `key-` removes. */
function labelled(flags: Flags, field: "labels" | "annotations"): ExplainRequest[] {
  const changes = flags.args.filter((arg) => /=|-$/.test(arg));
  const entries = changes.map((arg): [string, string | null] => {
    const equals = arg.indexOf("=");
    return equals < 0 ? [arg.slice(0, -1), null] : [arg.slice(0, equals), arg.slice(equals + 1)];
  });
  const args = flags.args.filter((arg) => !changes.includes(arg));
  return patched({ ...flags, args }, { metadata: { [field]: Object.fromEntries(entries) } }, "", "merge");
}

function node(flags: Flags, unschedulable: true | null): ExplainRequest[] {
  nothingMore(flags.args.slice(1), "Ask about one node at a time.");
  return patched({ ...flags, args: ["nodes", flags.args[0] ?? ""] }, { spec: { unschedulable } });
}

function run({ args, values, namespace, command }: Flags): ExplainRequest[] {
  const [name = "", ...rest] = args;
  const words = [...rest, ...command];
  const container = { name, image: values.image ?? "", ...(words.length === 0 ? {} : { args: words }) };
  const body = json({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { run: name } },
    spec: { containers: [container] },
  });
  return [{ method: "POST", path: resourcePath(resourceOf("pods"), namespace), contentType: "application/json", body }];
}
