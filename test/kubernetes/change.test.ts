import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseLossless } from "../../base/lossless-json.ts";
import { changeText, describeChange, renderChange } from "../../kubernetes/change.ts";
import type { KubernetesObject } from "../../kubernetes/types.ts";

interface DryRuns {
  what: string;
  old: KubernetesObject | null;
  outcomes: [KubernetesObject, KubernetesObject];
}
/** Two answers of kube-apiserver 1.36.3 to one dry run (record-dry-runs.ts). */
const recorded = JSON.parse(readFileSync(new URL("./data/dry-runs.json", import.meta.url), "utf8")) as DryRuns[];
const find = (what: string): DryRuns => recorded.find((record) => record.what === what) as DryRuns;

describe("two dry runs of the same request give the same change", () => {
  test.each(recorded.map((record) => [record.what, record] as const))("%s", (_what, { old, outcomes }) => {
    const [first, second] = outcomes.map((outcome) => describeChange(old, outcome));
    expect(first?.changes.length).toBeGreaterThan(0);
    expect(first).toEqual(second);
  });
});

test("the recorded dry runs do differ in what the server makes up", () => {
  for (const what of ["a Pod with generateName", "a Job", "a Job with generateName"]) {
    const [first, second] = find(what).outcomes;
    expect(first).not.toEqual(second);
    expect(JSON.stringify(first.spec)).not.toBe(JSON.stringify(second.spec));
  }
});

test("a create has no uid; its name, spec and labels are in the change", () => {
  const { uid, changes } = describeChange(null, find("a Pod").outcomes[0]);
  expect(uid).toBeNull();
  expect(changes.map((change) => change.path)).toEqual(["apiVersion", "kind", "metadata", "spec"]);
  expect(JSON.stringify(changes)).toContain('"name":"web"');
});

test("a volume that only looks like the token's volume is not taken for it", () => {
  const pod = (name: string) => ({ metadata: {}, spec: { volumes: [{ name, hostPath: { path: "/" } }] } });
  expect(describeChange(null, pod("kube-api-access-aaaaa"))).not.toEqual(
    describeChange(null, pod("kube-api-access-bbbbb")),
  );
});

test("a label that only looks like a Job's own is kept", () => {
  const job = (uid: string) => ({
    metadata: { uid: "own" },
    spec: { template: { metadata: { labels: { "controller-uid": uid } } } },
  });
  expect(describeChange(null, job("x"))).not.toEqual(describeChange(null, job("y")));
  expect(describeChange(null, job("own"))).toEqual(describeChange(null, { ...job("z"), metadata: { uid: "z" } }));
});

test("a change of one container's image names that container, wherever it stands", () => {
  const { old, outcomes } = find("an image by strategic merge");
  expect(describeChange(old, outcomes[0]).changes).toEqual([
    {
      path: 'spec.template.spec.containers[name="web"].image',
      from: "registry.example.com/web:1",
      to: "registry.example.com/web:2",
    },
  ]);
});

test("a container put in front of others is one change", () => {
  const { old, outcomes } = find("a sidecar by JSON patch");
  expect(describeChange(old, outcomes[0]).changes.map((change) => change.path)).toEqual([
    'spec.template.spec.containers[name="aaa"]',
  ]);
});

const LISTS: [string, object, object, string[]][] = [
  [
    "env by name",
    {
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
    },
    { env: [{ name: "B", value: "3" }] },
    ['env[name="A"]', 'env[name="B"].value'],
  ],
  [
    "ports by port and protocol",
    {
      ports: [
        { containerPort: 53, protocol: "TCP" },
        { containerPort: 53, protocol: "UDP" },
      ],
    },
    {
      ports: [
        { containerPort: 53, protocol: "UDP", hostPort: 1 },
        { containerPort: 53, protocol: "TCP" },
      ],
    },
    ['ports[containerPort="53",protocol="UDP"].hostPort', "ports[order]"],
  ],
  [
    "a repeated key by index",
    { env: [{ name: "A", value: "1" }] },
    {
      env: [
        { name: "A", value: "1" },
        { name: "A", value: "2" },
      ],
    },
    ["env[1]"],
  ],
  ["unknown lists by index", { args: ["a", "b"] }, { args: ["a", "c", "d"] }, ["args[1]", "args[2]"]],
  [
    "an order that changed",
    { initContainers: [{ name: "a" }, { name: "b" }] },
    { initContainers: [{ name: "b" }, { name: "a" }] },
    ["initContainers[order]"],
  ],
];
test.each(LISTS)("list entries are told apart: %s", (_title, from, to, paths) => {
  expect(describeChange({ ...from }, { ...to }).changes.map((change) => change.path)).toEqual(paths);
});

test("managedFields, resourceVersion, generation and status are no change", () => {
  const object = { metadata: { uid: "u", resourceVersion: "1", generation: 1, managedFields: [1] }, status: { a: 1 } };
  const later = { metadata: { uid: "u", resourceVersion: "2", generation: 2, managedFields: [2] }, status: { a: 2 } };
  expect(describeChange(object, later)).toEqual({ uid: "u", changes: [] });
});

test("a delete is the whole object going away, under its uid", () => {
  const change = describeChange({ metadata: { uid: "u", name: "x" }, spec: { a: 1 } }, null);
  expect(change).toEqual({
    uid: "u",
    changes: [
      { path: "metadata", from: { uid: "u", name: "x" } },
      { path: "spec", from: { a: 1 } },
    ],
  });
});

test("a change from absent to null is a change", () => {
  expect(describeChange({ metadata: {} }, { metadata: {}, a: null }).changes).toEqual([{ path: "a", to: null }]);
});

test("integers beyond 2^53 that differ are different changes, also from an object that imitates their form", () => {
  const text = (json: string) => changeText(describeChange({}, parseLossless(json) as KubernetesObject));
  expect(text('{"a":9007199254740993}')).not.toBe(text('{"a":9007199254740992}'));
  expect(text('{"a":9007199254740993}')).not.toBe(text('{"a":{"$int":"9007199254740993"}}'));
  expect(text('{"a":9007199254740993}')).not.toBe(text('{"a":{"rawJSON":"9007199254740993"}}'));
});

test("a rendered change shows masked values, and says that a masked value changes", () => {
  const mask = (object: KubernetesObject) => ({
    ...object,
    data: { p: "***", ...("q" in (object.data as object) ? { q: "***" } : {}) },
  });
  const rendered = renderChange({ data: { p: "old" }, x: 1 }, { data: { p: "new", q: "more" }, x: 2 }, mask);
  expect(rendered).toEqual([
    { path: "data.p", from: "(masked; it changes)", to: "(masked; it changes)" },
    { path: "data.q", to: "***" },
    { path: "x", from: 1, to: 2 },
  ]);
  expect(renderChange({ x: 1 }, { x: 2 }, undefined)).toEqual([{ path: "x", from: 1, to: 2 }]);
});

const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }));
test("the change of an object to itself is empty, and order of keys makes no difference", () => {
  fc.assert(
    fc.property(object, (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      expect(describeChange(value as KubernetesObject, reversed as KubernetesObject).changes).toEqual([]);
    }),
  );
});

test("objects that differ outside bookkeeping have a change", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b) && !/\{|-0/.test(JSON.stringify([a, b])));
      expect(describeChange({ spec: a }, { spec: b }).changes.length).toBeGreaterThan(0);
    }),
  );
});
