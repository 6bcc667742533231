import { describe, expect, test } from "vitest";
import { podSpecs } from "../../kubernetes/pod-specs.ts";

const SPEC = { containers: [{ name: "c", image: "i" }] };
const TEMPLATED = { spec: { template: { spec: SPEC } } };

const BUILT_IN: [string, string, object, string][] = [
  ["", "pods", { spec: SPEC }, "spec"],
  ["", "podtemplates", { template: { spec: SPEC } }, "template.spec"],
  ["", "replicationcontrollers", TEMPLATED, "spec.template.spec"],
  ["apps", "deployments", TEMPLATED, "spec.template.spec"],
  ["apps", "daemonsets", TEMPLATED, "spec.template.spec"],
  ["apps", "statefulsets", TEMPLATED, "spec.template.spec"],
  ["apps", "replicasets", TEMPLATED, "spec.template.spec"],
  ["apps", "controllerrevisions", { data: TEMPLATED }, "data.spec.template.spec"],
  ["batch", "jobs", TEMPLATED, "spec.template.spec"],
  ["batch", "cronjobs", { spec: { jobTemplate: TEMPLATED } }, "spec.jobTemplate.spec.template.spec"],
];
test.each(BUILT_IN)("the pod template of %s/%s is found", (group, resource, object, path) => {
  expect(podSpecs({ ...object }, { group, resource })).toEqual([{ path, spec: SPEC }]);
});

test.each(["sparkoperator.k8s.io", "jobset.x-k8s.io"])("a custom resource of %s is searched for pod specs", (group) => {
  expect(podSpecs({ spec: { driver: SPEC } }, { group, resource: "sparkapplications" })).toEqual([
    { path: "spec.driver", spec: SPEC },
  ]);
});

test("a pod spec inside what looks like one is found as well, however deep it lies", () => {
  const workflow = { spec: { serviceAccountName: "build", templates: [{ name: "main", ...SPEC }] } };
  const found = podSpecs(workflow, { group: "argoproj.io", resource: "workflows" });
  expect(found.map(({ path }) => path)).toEqual(["spec", "spec.templates[0]"]);
  let deep: object = { spec: SPEC };
  for (let i = 0; i < 190; i++) deep = { a: deep };
  expect(podSpecs({ spec: deep }, { group: "example.com", resource: "things" })).toHaveLength(1);
});

test("pod specs inside each other are refused from five on: policy would be shown the innermost five times", () => {
  const nest = (times: number): object => (times === 0 ? SPEC : { nodeName: "n", inner: nest(times - 1) });
  const things = { group: "example.com", resource: "things" };
  expect(podSpecs({ spec: nest(3) }, things)).toHaveLength(4);
  expect(() => podSpecs({ spec: nest(4) }, things)).toThrow("inside each other");
});

test("Teleport 40792: the body of pods/ephemeralcontainers is a Pod, whole or as a patch fragment", () => {
  const spec = { ephemeralContainers: [{ name: "debugger-abcde", securityContext: { privileged: true } }] };
  const resource = { group: "", resource: "pods", subResource: "ephemeralcontainers" };
  expect(podSpecs({ spec }, resource)).toEqual([{ path: "spec", spec }]);
});

test("a patch fragment of a Deployment that sets hostNetwork alone has a pod spec", () => {
  const spec = { hostNetwork: true };
  expect(podSpecs({ spec: { template: { spec } } }, { group: "apps", resource: "deployments" })).toEqual([
    { path: "spec.template.spec", spec },
  ]);
});

test("the body's own kind is not what is asked: a Pod's body under another kind is a Pod", () => {
  expect(podSpecs({ kind: "ConfigMap", spec: SPEC }, { group: "", resource: "pods" })).toHaveLength(1);
});

test.each(["scale", "eviction", "binding"])("the body of /%s holds no pod template", (subResource) => {
  expect(podSpecs({ spec: SPEC }, { group: "", resource: "pods", subResource })).toEqual([]);
});

describe("pod specs in custom resources are found by their shape", () => {
  const CUSTOM: [string, object, string[]][] = [
    ["at spec.template.spec", TEMPLATED, ["spec.template.spec"]],
    [
      "in lists",
      { spec: { workers: [{ template: { spec: SPEC } }, { template: { spec: SPEC } }] } },
      ["spec.workers[0].template.spec", "spec.workers[1].template.spec"],
    ],
    ["in maps with odd keys", { spec: { roles: { "a.b": { podSpec: SPEC } } } }, ["spec.roles['a.b'].podSpec"]],
    ["by init containers alone", { spec: { pod: { initContainers: [{ image: "x" }] } } }, ["spec.pod"]],
    ["by a volume alone", { spec: { pod: { volumes: [{ name: "v", hostPath: { path: "/" } }] } } }, ["spec.pod"]],
    ["by hostPID alone", { spec: { pod: { hostPID: true } } }, ["spec.pod"]],
    ["by the steps of a Tekton Task", { spec: { steps: [{ image: "x" }] } }, ["spec"]],
    ["by its sidecars", { spec: { taskSpec: { sidecars: [{ securityContext: {} }] } } }, ["spec.taskSpec"]],
    ["by what it says for every step", { spec: { stepTemplate: { securityContext: {} } } }, ["spec"]],
    [
      "by an Argo template's container",
      { spec: { templates: [{ container: { image: "x" } }] } },
      ["spec.templates[0]"],
    ],
    ["by an Argo template's script", { spec: { templates: [{}, { script: { image: "x" } }] } }, ["spec.templates[1]"]],
    [
      "not by steps and scripts of other things",
      { spec: { steps: [[{ name: "a", template: "b" }]], script: "x" } },
      [],
    ],
    ["not in status and metadata", { metadata: { x: SPEC }, status: { x: SPEC } }, []],
    ["not in lists of another kind", { spec: { containers: ["a"], volumes: [1] } }, []],
  ];
  test.each(CUSTOM)("%s", (_title, object, paths) => {
    expect(podSpecs({ ...object }, { group: "example.com", resource: "things" }).map((found) => found.path)).toEqual(
      paths,
    );
  });
});

test("built-in kinds without a pod template have none", () => {
  expect(podSpecs({ spec: SPEC }, { group: "networking.k8s.io", resource: "ingresses" })).toEqual([]);
});

test("odd shapes are no pod specs, and throw nothing", () => {
  for (const spec of [null, 1, "x", [], { template: null }, { template: { spec: [] } }]) {
    expect(podSpecs({ spec }, { group: "apps", resource: "deployments" })).toEqual([]);
  }
});
