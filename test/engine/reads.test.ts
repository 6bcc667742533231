import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../base/canonical-json.ts";
import type { Guardrails } from "../../base/config/guardrails.ts";
import { rawNumber } from "../../base/lossless-json.ts";
import type { Bundle } from "../../engine/bundle/bundle.ts";
import { idleGroups } from "../../engine/bundle/quiet.ts";
import { merged, type Reads } from "../../engine/bundle/reads/reads.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { keeper } from "../../engine/project/keep.ts";
import { projection } from "../../engine/project.ts";
import { jsonBuffer, PolicyInstance } from "../../engine/wasm/instance.ts";
import { compiledModule } from "../../engine/wasm/modules.ts";
import { podSpecs } from "../../kubernetes/pod-specs.ts";
import { compiled, guardrails, HOST_PATH_SPEC, input, libraryBundle, podCreation } from "./support.ts";

const OBJECT = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", labels: { app: "shop", tier: "front" }, annotations: { a: "1", "b.io/c": "2" } },
  spec: {
    hostNetwork: true,
    containers: [
      { name: "a", image: "x:1", env: [{ name: "K", value: "v" }], ports: [{ hostPort: 80 }] },
      { name: "b", image: "y:2", securityContext: { privileged: true } },
    ],
    volumes: [{ name: "v", hostPath: { path: "/etc" } }],
  },
  noise: { deep: [{ very: "long" }], text: "noise" },
};
const OLD = { ...OBJECT, spec: { ...OBJECT.spec, containers: [{ name: "a", image: "x:0" }] } };

async function evaluated(bundle: Bundle, rails: Guardrails): Promise<(asked: PolicyInput) => unknown> {
  const idle = idleGroups(bundle.rules, rails);
  const data = jsonBuffer(canonicalJson({ rules: bundle.rules, guardrails: rails, idle }));
  const instance = new PolicyInstance({ key: "t", module: await compiledModule(bundle), data });
  return (asked) => instance.evaluate(jsonBuffer(JSON.stringify(asked)));
}

/** A policy whose whole answer is `said`, with rules that say it in the ways that Rego has. */
const saying = (rules: string): Record<string, string> => ({
  "sallyport/decision.rego": `package sallyport\n\ndecision := said\n\n${rules}\n`,
});

describe("what is left out of the input changes no answer of a policy that", () => {
  test.for<[name: string, rules: string, leavesOut: boolean]>([
    ["reads a field", "said := input.object.spec.hostNetwork", true],
    ["reads what is not there", "default said := 1\n\nsaid := input.object.spec.never.there", true],
    ["asks only whether a field is there", "default said := false\n\nsaid if input.object.metadata", true],
    ["walks a list", "said := [c.name | some c in input.object.spec.containers]", true],
    ["walks an object's keys", "said := [k | some k, _ in input.object.metadata.labels]", true],
    ["counts", "said := count(input.object.noise)", true],
    ["takes a member by its index", "said := input.object.spec.containers[1].image", true],
    [
      "takes a field by a name of its own",
      'said := [v | some f in ["image", "name"]; v := input.object.spec.containers[0][f]]',
      true,
    ],
    [
      "takes a field by a name of the input's",
      "said := input.object.metadata[input.object.spec.volumes[0].name]\n\ndefault said := 1",
      true,
    ],
    ["compares two objects", "said := input.object == input.oldObject", false],
    [
      "compares two lists for difference",
      "default said := false\n\nsaid if input.object.spec.containers != input.oldObject.spec.containers",
      true,
    ],
    ["prints an object", "said := json.marshal(input.object.noise)", false],
    ["walks everything", 'said := [p | walk(input.object, [p, v]); v == "noise"]', false],
    ["looks up by a path", 'said := object.get(input.object, ["noise", "deep"], [])', false],
    [
      "looks up by a path of the input's",
      'said := object.get(input.object, split(input.request.name, "."), "none")',
      false,
    ],
    [
      "looks up below such a path",
      'said := object.get(input.object, split(input.request.name, "."), {}).text\n\ndefault said := 1',
      true,
    ],
    [
      "looks up beside such a path",
      'said := object.get(input.object, array.concat(array.slice(split(input.request.name, "."), 0, 1), ["containers"]), [])[0].image\n\ndefault said := 1',
      true,
    ],
    ["keeps an object in a set", "said := count({c | some c in input.object.spec.containers})", true],
    [
      "keeps objects in objects",
      'said := [x.inner.c.image | some x in boxes]\n\nboxes := [{"inner": {"c": c}} | some c in input.object.spec.containers]',
      true,
    ],
    [
      "keeps them under names of the input's",
      "said := [x.image | some x in boxes]\n\nboxes[c.name] := c if some c in input.object.spec.containers",
      true,
    ],
    [
      "takes them apart by a pattern",
      'said := [c.image | some {"c": c, "i": i} in boxes; i > 0]\n\nboxes := [{"c": c, "i": i} | some i, c in input.object.spec.containers]',
      true,
    ],
    [
      "passes them to a function",
      "said := [image(c) | some c in input.object.spec.containers]\n\nimage(x) := x.image",
      true,
    ],
    [
      "has a function of two definitions",
      'said := [kind(c) | some c in input.object.spec.containers]\n\nkind(x) := "p" if x.securityContext.privileged\n\nkind(x) := "n" if not x.securityContext.privileged',
      true,
    ],
    [
      "falls back",
      "said := x if {\n\tx := input.object.spec.never\n} else := input.object.spec.volumes[0].hostPath.path",
      true,
    ],
    ["has a default", "default said := 7\n\nsaid := 8 if input.object.spec.volumes[0].emptyDir", true],
    [
      "asks for every member",
      'default said := false\n\nsaid if every c in input.object.spec.containers { c.image != "x:1" }',
      true,
    ],
    ["asks for a member", 'default said := false\n\nsaid if "80" in input.object.spec.containers[0].ports', true],
    ["merges objects", "said := object.union(input.object.metadata.labels, input.oldObject.metadata.labels)", true],
    ["removes keys", 'said := object.remove(input.object.metadata, ["labels"])', true],
    [
      "joins lists",
      "said := [c.image | some c in array.concat(input.object.spec.containers, input.oldObject.spec.containers)]",
      true,
    ],
    [
      "tells kinds apart",
      "said := [is_object(input.object.noise), is_array(input.object.noise.deep), is_string(input.object.kind)]",
      true,
    ],
    [
      "replaces the input",
      'said := x if x := inner with input.object as {"noise": input.object.noise}\n\ninner := input.object.noise.text',
      false,
    ],
    [
      "aliases in a loop",
      'said := [y | some c in input.object.spec.containers; some k in ["image", "name"]; x := c[k]; y := concat("-", [x, c.name])]',
      true,
    ],
    ["sees the whole input", "said := count(json.marshal(input))", false],
    ["reads a template string", 'said := $"{input.object.kind} {input.object.metadata.name}"', true],
  ])("%s", async ([, rules, leavesOut]) => {
    const bundle = await compiled(saying(rules));
    const answer = await evaluated(bundle, guardrails());
    const keep = projection(bundle, {});
    for (const name of ["web", "spec.containers", "noise", "metadata.labels", "metadata"]) {
      const asked = input({ request: { name }, object: OBJECT, oldObject: OLD });
      expect(answer(keep(asked))).toEqual(answer(asked));
    }
    const asked = input({ object: OBJECT, oldObject: OLD });
    expect(!JSON.stringify(keep(asked)).includes("very")).toBe(leavesOut);
  });
});

const word = fc.constantFrom("a", "web", "metadata", "kube-system", "", "0");
const context = fc.record(
  {
    privileged: fc.boolean(),
    runAsUser: fc.constantFrom(0, 1000),
    capabilities: fc.record({ add: fc.array(fc.constantFrom("NET_ADMIN", "CHOWN")) }, { requiredKeys: [] }),
    seccompProfile: fc.constantFrom({ type: "Unconfined" }, { type: "RuntimeDefault" }),
    seLinuxOptions: fc.constantFrom({ type: "spc_t" }, { user: "u" }),
    procMount: fc.constantFrom("Unmasked", "Default"),
  },
  { requiredKeys: [] },
);
const container = fc.record(
  {
    name: word,
    image: fc.constantFrom("x", "x:latest", "registry.example.com/x:1"),
    securityContext: context,
    env: fc.array(
      fc.constantFrom({ name: "A", value: "1" }, { name: "B", valueFrom: { secretKeyRef: { name: "db", key: "k" } } }),
    ),
    envFrom: fc.array(fc.constantFrom({ secretRef: { name: "db" } }, { configMapRef: { name: "c" } })),
    ports: fc.array(fc.constantFrom({ hostPort: 80 }, { containerPort: 80 })),
    livenessProbe: fc.constantFrom({ httpGet: { host: "10.0.0.1" } }, { exec: {} }),
    args: fc.array(word),
  },
  { requiredKeys: ["name"] },
);
const spec = fc.record(
  {
    containers: fc.array(container, { maxLength: 3 }),
    initContainers: fc.array(container, { maxLength: 1 }),
    volumes: fc.array(
      fc.constantFrom(
        { name: "v", hostPath: { path: "/" } },
        { name: "s", secret: { secretName: "db" } },
        { name: "e", emptyDir: {} },
      ),
    ),
    hostNetwork: fc.boolean(),
    serviceAccountName: word,
    nodeName: word,
    securityContext: context,
    imagePullSecrets: fc.array(fc.record({ name: word })),
  },
  { requiredKeys: ["containers"] },
);
const metadata = fc.record(
  {
    name: word,
    labels: fc.dictionary(word, word),
    annotations: fc.dictionary(fc.constantFrom("a", "container.apparmor.security.beta.kubernetes.io/a"), word),
    finalizers: fc.array(word),
    ownerReferences: fc.array(fc.record({ uid: word })),
  },
  { requiredKeys: [] },
);
const KINDS = [
  { group: "", resource: "pods", wrap: (s: object) => ({ spec: s }) },
  {
    group: "apps",
    resource: "deployments",
    wrap: (s: object) => ({ spec: { replicas: 1, template: { metadata: {}, spec: s } } }),
  },
  {
    group: "batch",
    resource: "cronjobs",
    wrap: (s: object) => ({ spec: { jobTemplate: { spec: { template: { spec: s } } } } }),
  },
  { group: "argoproj.io", resource: "rollouts", wrap: (s: object) => ({ spec: { template: { spec: s } } }) },
  { group: "", resource: "secrets", wrap: (s: object) => ({ type: "Opaque", data: { k: "dg==" }, x: s }) },
  {
    group: "",
    resource: "services",
    wrap: (s: object) => ({ spec: { type: "LoadBalancer", externalIPs: ["1.2.3.4"], x: s } }),
  },
] as const;

const questions = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    verb: fc.constantFrom("create", "update", "patch"),
    namespace: word,
    now: spec,
    before: fc.option(spec),
    meta: metadata,
    metaBefore: metadata,
  })
  .map(({ kind, verb, namespace, now, before, meta, metaBefore }) => {
    const resource = { group: kind.group, version: "v1", resource: kind.resource };
    const object = { apiVersion: "v1", kind: "X", metadata: meta, status: { big: "x" }, ...kind.wrap(now) };
    const operation = verb === "create" ? "CREATE" : "UPDATE";
    const stored =
      verb === "create" || before === null
        ? null
        : { apiVersion: "v1", kind: "X", metadata: metaBefore, ...kind.wrap(before) };
    return input({
      request: { verb, operation, resource, namespace, name: "x" },
      object,
      oldObject: stored,
      podSpecs: podSpecs(object, { ...resource, subResource: "" }),
    });
  });

test.for<[string, Record<string, unknown>]>([
  ["baseline", {}],
  ["every profile", { profiles: ["strict", "pod-security/restricted"] }],
  [
    "a scope of labels",
    {
      scopes: [
        { name: "s", match: { objectLabels: { a: "web" } }, rules: { "workload/privileged": { effect: "hold" } } },
      ],
    },
  ],
])("of generated questions the library says under %s what it says of all of them", async ([, values]) => {
  const bundle = await libraryBundle();
  const rails = guardrails(values);
  const answer = await evaluated(bundle, rails);
  const keep = projection(bundle, idleGroups(bundle.rules, rails));
  let smaller = 0;
  fc.assert(
    fc.property(questions, (asked) => {
      const kept = keep(asked);
      if (JSON.stringify(kept).length < JSON.stringify(asked).length) smaller++;
      expect(answer(kept)).toEqual(answer(asked));
    }),
    { numRuns: process.env.SALLYPORT_TEST_ALL === "1" ? 20_000 : 60 },
  );
  expect(smaller).toBeGreaterThan(0);
});

test("a bundle that does not say what it reads is shown all", async () => {
  const { reads: _, ...bundle } = await libraryBundle();
  const asked = input({ object: OBJECT });
  expect(projection({ ...bundle, unread: [] }, {})(asked)).toEqual(asked);
});

test("a rule that no profile turns on takes nothing away from what the others read", async () => {
  const bundle = await libraryBundle();
  const off = { ...bundle.rules["tool/unparsed"], effect: "allow", profiles: {} };
  const rules = { ...bundle.rules, "ours/off": off } as Bundle["rules"];
  const asked = podCreation(HOST_PATH_SPEC);
  const kept = projection({ ...bundle, rules }, idleGroups(rules, guardrails()))(asked);
  expect(JSON.stringify(kept.podSpecs)).toContain("hostPath");
});

test("a rule that the bundle says nothing of is shown all", async () => {
  const bundle = await libraryBundle();
  const asked = input({
    object: OBJECT,
    request: { verb: "create", operation: "CREATE", resource: { group: "", version: "v1", resource: "secrets" } },
  });
  const without = { ...bundle, reads: { decision: bundle.reads?.decision ?? 1, rules: {} } };
  expect(projection(without, {})(asked)).toEqual(asked);
});

describe("what is kept", () => {
  test.for<[string, Reads, unknown, unknown]>([
    ["is all of what is read whole", 1, { a: { b: 1 } }, { a: { b: 1 } }],
    ["is a text, whatever is read below it", { f: { a: { f: { b: 1 } } } }, { a: "text", c: 1 }, { a: "text" }],
    ["is that a composite is there", { f: { a: {}, b: {} } }, { a: { x: 1 }, b: [1] }, { a: {}, b: [] }],
    ["is null where null is", { f: { a: {} } }, { a: null, b: null }, { a: null }],
    ["is each entry in its place", { e: { f: { a: 1 } } }, [{ a: 1, b: 2 }, 3, {}], [{ a: 1 }, 3, {}]],
    ["is every key of an object that is walked", { e: {} }, { a: { x: 1 }, b: 2 }, { a: {}, b: 2 }],
    [
      "is what is looked for at any depth",
      { d: { k: 1 } },
      { a: [{ z: 1 }, { k: 2, z: 1 }], k: 3, s: "t" },
      { a: [null, { k: 2 }] },
    ],
    [
      "is a number that JavaScript cannot hold",
      { f: { a: { f: { rawJSON: 1 } } } },
      { a: rawNumber("12345678901234567890") },
      { a: rawNumber("12345678901234567890") },
    ],
  ])("%s", ([, reads, value, kept]) => {
    expect(JSON.stringify(keeper(reads)(value))).toBe(JSON.stringify(kept));
  });

  test("is the whole object where a key is __proto__, which a copy would lose", () => {
    const value = JSON.parse('{"a": {"__proto__": {"b": 1}, "c": 2}}');
    expect(JSON.stringify(keeper({ f: { a: { e: {} } } })(value))).toBe(JSON.stringify(value));
  });

  test("is never taken from the object that was given", () => {
    const value = { a: { b: 1, c: 2 }, d: [{ e: 1, f: 2 }] };
    const before = structuredClone(value);
    keeper({ f: { a: { f: { b: 1 } }, d: { e: { f: { e: 1 } } } } })(value);
    expect(value).toEqual(before);
  });

  test("of two readers is what either reads", () => {
    expect(merged({ f: { a: { f: { b: 1 } } } }, { f: { a: { e: {} }, c: 1 }, d: { k: {} } })).toEqual({
      f: { a: { f: { b: 1 }, e: {} }, c: 1 },
      d: { k: {} },
    });
  });
});
