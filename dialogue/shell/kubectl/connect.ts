import type { CommandRequest } from "../types.ts";
import { type Asked, fromFile, namesFiles, request, resourceNamed, type Target, targets } from "./asked.ts";
import { isSet, lastOf } from "./command-line.ts";
import { create } from "./create.ts";

/** The pod that a command names; of anything else kubectl looks one up, and which one is not known. */
function podOf(asked: Asked, name = asked.line.args[0] ?? ""): { target: Target; through?: string } {
  const pods = resourceNamed("pods", asked.context);
  const [type, object] = name.includes("/")
    ? [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)]
    : ["pods", name];
  const named = resourceNamed(type ?? "", asked.context);
  const isPod = named.resource.resource === "pods" && named.resource.group === "";
  return isPod ? { target: { ...pods, name: object ?? "" } } : { target: { ...pods, name: "" }, through: name };
}

function toPod(asked: Asked, subresource: string, more: Partial<CommandRequest> = {}, name?: string): CommandRequest {
  const { target, through } = podOf(asked, name);
  const unknown = target.name === "" ? (["name"] as const) : [];
  return request(asked, "get", target, {
    subresource,
    ...more,
    unknown,
    ...(through === undefined ? {} : { through }),
  });
}

/** exec and attach, which kubectl 1.31 and newer ask for by a GET that upgrades. */
export function connected(asked: Asked, subresource: "exec" | "attach"): CommandRequest[] {
  const { line } = asked;
  const command = subresource === "exec" ? (line.dashed ? [...line.behind] : line.args.slice(1)) : [];
  const exec = {
    command,
    container: lastOf(line, "container") ?? "",
    stdin: isSet(line, "stdin"),
    tty: isSet(line, "tty"),
  };
  const name = namesFiles(asked) ? "" : (lastOf(line, "pod") ?? line.args[0] ?? "");
  return [toPod(asked, subresource, { exec }, name)];
}

export function logs(asked: Asked): CommandRequest[] {
  const picked = asked.line.options.has("selector");
  return [toPod(asked, "log", {}, picked ? "" : asked.line.args[0])];
}

export function forwarded(asked: Asked): CommandRequest[] {
  return [toPod(asked, "portforward", {}, lastOf(asked.line, "pod") ?? asked.line.args[0])];
}

/** `cp` runs tar in the container; a side is in a pod where it has a colon. */
export function copied(asked: Asked): CommandRequest[] {
  const [from = "", to = ""] = asked.line.args;
  const upload = to.includes(":") && !from.includes(":");
  const side = upload ? to : from;
  const colon = side.indexOf(":");
  if (colon <= 0) return [];
  const [place, path] = [side.slice(0, colon), side.slice(colon + 1)];
  const slash = place.indexOf("/");
  const [namespace, pod] = slash < 0 ? [undefined, place] : [place.slice(0, slash), place.slice(slash + 1)];
  const folder = path.slice(0, Math.max(path.lastIndexOf("/"), 0)) || "/";
  const command = upload ? ["tar", "-xmf", "-", "-C", folder] : ["tar", "cf", "-", path];
  const exec = { command, container: lastOf(asked.line, "container") ?? "", stdin: upload, tty: false };
  const target = { ...resourceNamed("pods", asked.context), name: pod };
  return [
    request(asked, "get", target, { subresource: "exec", exec, ...(namespace === undefined ? {} : { namespace }) }),
  ];
}

/** `debug` of a node makes a pod that has all of it; of a pod it adds a container, or makes a copy. */
export function debugged(asked: Asked): CommandRequest[] {
  const { line } = asked;
  if (namesFiles(asked)) return [fromFile(asked, "create")];
  const [first = ""] = line.args;
  const image = lastOf(line, "image") ?? "";
  const [target] = targets([first.includes("/") ? first : `pods/${first}`], asked.context);
  if (target === undefined) return [];
  if (target.resource.resource === "nodes") {
    const profile = lastOf(line, "profile") ?? "general";
    const host =
      profile === "restricted" || profile === "baseline" ? {} : { hostIPC: true, hostNetwork: true, hostPID: true };
    const volumes = [{ name: "host-root", hostPath: { path: "/" } }];
    const mounts = [{ name: "host-root", mountPath: "/host" }];
    const privileged = profile === "sysadmin" ? { securityContext: { privileged: true } } : {};
    const container = { name: "debugger", image, volumeMounts: mounts, ...privileged, ...commandOf(asked) };
    const spec = { nodeName: target.name, ...host, volumes, containers: [container], restartPolicy: "Never" };
    return [create(asked, "pods", `node-debugger-${target.name}`, { spec }, true)];
  }
  const copy = lastOf(line, "copy-to");
  if (copy !== undefined) {
    const made = create(asked, "pods", copy, { spec: { containers: image === "" ? [] : [{ image }] } }, true);
    return [made];
  }
  const container = { name: lastOf(line, "container") ?? "debugger", image, ...commandOf(asked) };
  return [
    request(asked, "patch", target, {
      subresource: "ephemeralcontainers",
      contentType: "application/strategic-merge-patch+json",
      body: { spec: { ephemeralContainers: [container] } },
    }),
  ];
}

const commandOf = ({ line }: Asked): object => (line.behind.length === 0 ? {} : { command: [...line.behind] });
