import type { PolicyInput } from "../../engine/input.ts";

type Found = { rule: string; message: string; field: string };
interface Container {
  name?: string;
  securityContext?: { privileged?: boolean; capabilities?: { add?: string[] }; procMount?: string };
  ports?: { hostPort?: number }[];
}

const LISTS = ["containers", "initContainers", "ephemeralContainers"] as const;

/**
 * Ten of the library's rules as a person would write them for this gateway alone: no profiles, scopes, exceptions or
 * parameters, and nothing that changes with no restart. What a decision would cost if nothing about it were data.
 */
export function handWritten(input: PolicyInput): Found[] {
  const { request } = input;
  const found: Found[] = [];
  const say = (rule: string, message: string, field = ""): void => void found.push({ rule, message, field });
  const { group, resource } = request.resource;
  if (group === "" && resource === "nodes" && request.subResource === "proxy") say("nodes/proxy", request.name);
  if (group === "" && resource === "secrets" && (request.verb === "list" || request.verb === "watch")) {
    say("secrets/list", request.namespace);
  }
  if (group === "" && resource === "pods" && request.operation === "CONNECT" && request.subResource === "exec") {
    say("access/exec", (input.exec?.command ?? []).join(" "));
  }
  if (group === "rbac.authorization.k8s.io" && resource === "clusterrolebindings" && request.operation !== "") {
    say("rbac/cluster-role-binding", request.name);
  }
  if (request.operation !== "CREATE" && request.operation !== "UPDATE") return found;
  for (const { path, spec } of input.podSpecs ?? []) {
    for (const field of ["hostNetwork", "hostPID"] as const) {
      if (spec[field] === true) say(`workload/${field}`, "is set", `${path}.${field}`);
    }
    for (const [i, volume] of ((spec.volumes as { name?: string; hostPath?: { path?: string } }[]) ?? []).entries()) {
      if (volume.hostPath) say("workload/host-path", volume.hostPath.path ?? "", `${path}.volumes[${i}].hostPath`);
    }
    for (const list of LISTS) {
      for (const [i, one] of ((spec[list] as Container[]) ?? []).entries())
        ofContainer(one, `${path}.${list}[${i}]`, say);
    }
  }
  return found;
}

function ofContainer(one: Container, at: string, say: (rule: string, message: string, field: string) => void): void {
  const context = one.securityContext;
  if (context?.privileged === true) say("workload/privileged", one.name ?? "", `${at}.securityContext.privileged`);
  for (const name of context?.capabilities?.add ?? []) {
    say("workload/capabilities", name, `${at}.securityContext.capabilities`);
  }
  for (const [i, port] of (one.ports ?? []).entries()) {
    if (port.hostPort) say("workload/host-ports", String(port.hostPort), `${at}.ports[${i}].hostPort`);
  }
}
