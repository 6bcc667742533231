import type { PolicyInput } from "../input.ts";

/** What gives a pod a power over its node, whatever it is set to; `privileged` and `capabilities` are looked into. */
const POWERS = ["procMount", "seLinuxOptions", "windowsOptions"];

const entries = (value: unknown): unknown[] =>
  typeof value === "object" && value !== null ? Object.values(value) : [];

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

/** Whether what holds this security context, a container or a pod, may do to its node what others may not. */
function isPowerful(holder: unknown): boolean {
  const context = field(holder, "securityContext");
  return (
    field(context, "privileged") === true ||
    entries(field(field(context, "capabilities"), "add")).length > 0 ||
    POWERS.some((name) => field(context, name) !== undefined)
  );
}

/**
 * Whether a pod template of a request may reach the node that its pods run on. More than
 * rego/workload/program-change finds and never less: rules of `podTemplates: reaching-node` see no other.
 */
export function mayReachNode(podSpecs: PolicyInput["podSpecs"]): boolean {
  return (podSpecs ?? []).some(
    ({ spec }) =>
      spec.hostPID === true ||
      spec.hostIPC === true ||
      spec.hostNetwork === true ||
      entries(spec.volumes).some((volume) => field(volume, "hostPath") !== undefined) ||
      isPowerful(spec) ||
      Object.values(spec).some((value) => isPowerful(value) || entries(value).some(isPowerful)),
  );
}
