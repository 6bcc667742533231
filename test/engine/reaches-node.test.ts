import { expect, test } from "vitest";
import { idleGroups } from "../../engine/bundle/quiet.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { mayReachNode } from "../../engine/project/reaches-node.ts";
import { projection } from "../../engine/project.ts";
import { guardrails, input, libraryBundle } from "./support.ts";

type Spec = Record<string, unknown>;
const specs = (...all: Spec[]): PolicyInput["podSpecs"] => all.map((spec) => ({ path: "spec", spec }));
const holding = (securityContext: unknown): Spec => ({ containers: [{ name: "a" }, { name: "b", securityContext }] });

test.for<[string, Spec]>([
  ["hostPID", { hostPID: true }],
  ["hostIPC", { hostIPC: true }],
  ["hostNetwork", { hostNetwork: true }],
  ["a directory of the node", { volumes: [{ name: "a", emptyDir: {} }, { hostPath: {} }] }],
  ["a container that is privileged", holding({ privileged: true })],
  ["an init container that is", { initContainers: [{ securityContext: { privileged: true } }] }],
  ["a single container that is", { script: { securityContext: { privileged: true } } }],
  ["a capability", holding({ capabilities: { add: ["SYS_ADMIN"] } })],
  ["its /proc", holding({ procMount: "Unmasked" })],
  ["an SELinux type of a container", holding({ seLinuxOptions: { type: "spc_t" } })],
  ["an SELinux type of the pod", { securityContext: { seLinuxOptions: { type: "spc_t" } } }],
  ["a process of a Windows node", { securityContext: { windowsOptions: { hostProcess: true } } }],
])("a template may reach its node by %s", ([, spec]) => {
  expect(mayReachNode(specs({ containers: [{ name: "a" }] }, spec))).toBe(true);
});

test.for<[string, Spec]>([
  ["nothing", {}],
  ["false and nothing", { hostPID: false, hostIPC: null, hostNetwork: "yes", volumes: null }],
  ["hardened containers", holding({ privileged: false, capabilities: { drop: ["ALL"], add: [] } })],
  ["containers of another type", { containers: [null, 5, "x", [1]], initContainers: "x", securityContext: 7 }],
])("a template of %s does not", ([, spec]) => {
  expect(mayReachNode(specs(spec))).toBe(false);
});

test("no template reaches no node", () => {
  expect(mayReachNode(undefined)).toBe(false);
});

test("what only a rule of templates that reach their node reads is left out of any other", async () => {
  const bundle = await libraryBundle();
  const keep = projection(bundle, idleGroups(bundle.rules, guardrails()));
  const env = [{ name: "A", value: "v" }];
  const shown = (more: Spec): unknown => {
    const spec = { containers: [{ name: "a", env }], ...more };
    const request = { verb: "update", operation: "UPDATE" as const, name: "x" };
    return keep(input({ request, object: { spec }, oldObject: { spec }, podSpecs: specs(spec) })).podSpecs?.[0]?.spec;
  };
  expect(shown({ hostPID: true })).toMatchObject({ containers: [{ env }] });
  expect(shown({})).not.toMatchObject({ containers: [{ env }] });
});
