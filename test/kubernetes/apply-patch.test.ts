import { describe, expect, test } from "vitest";
import { applyPatch } from "../../kubernetes/apply-patch.ts";
import type { JsonPatchOperation, Patch } from "../../kubernetes/patch.ts";

const stored = {
  metadata: { name: "web", labels: { app: "web", tier: "front" }, finalizers: ["a", "b"] },
  spec: {
    replicas: 2,
    template: {
      spec: { containers: [{ name: "web", image: "web:1", env: [{ name: "A", value: "1" }] }, { name: "side" }] },
    },
    volumeClaimTemplates: [{ metadata: { name: "data" } }],
  },
};
const doubling = (times: number): JsonPatchOperation[] =>
  Array.from({ length: times }, (_, i) => ({ op: "copy", from: "", path: `/copy${i}` }));
const inserts: JsonPatchOperation[] = [
  { op: "add", path: "/list", value: Array.from({ length: 100_000 }, () => 0) },
  ...Array.from({ length: 100 }, (): JsonPatchOperation => ({ op: "add", path: "/list/0", value: 1 })),
];
const containers = (...list: object[]): object => ({ spec: { template: { spec: { containers: list } } } });

describe("a patch without an API server", () => {
  test.for<[string, Patch, object]>([
    [
      "merge: null removes, lists are replaced",
      {
        type: "merge",
        fragment: {
          metadata: { labels: { tier: null } },
          spec: { template: { spec: { containers: [{ name: "x" }] } } },
        },
      },
      {
        metadata: { name: "web", labels: { app: "web" }, finalizers: ["a", "b"] },
        spec: { ...stored.spec, template: { spec: { containers: [{ name: "x" }] } } },
      },
    ],
    [
      "strategic: an entry with the same key is merged, lists inside it too",
      { type: "strategic", fragment: containers({ name: "web", env: [{ name: "B", value: "2" }] }) as never },
      {
        ...stored,
        spec: {
          ...stored.spec,
          template: {
            spec: {
              containers: [
                {
                  name: "web",
                  image: "web:1",
                  env: [
                    { name: "B", value: "2" },
                    { name: "A", value: "1" },
                  ],
                },
                { name: "side" },
              ],
            },
          },
        },
      },
    ],
    [
      "strategic: $patch delete",
      { type: "strategic", fragment: containers({ name: "side", $patch: "delete" }) as never },
      {
        ...stored,
        spec: { ...stored.spec, template: { spec: { containers: [stored.spec.template.spec.containers[0]] } } },
      },
    ],
    [
      "strategic: $patch replace of a list",
      { type: "strategic", fragment: containers({ $patch: "replace" }, { name: "only" }) as never },
      { ...stored, spec: { ...stored.spec, template: { spec: { containers: [{ name: "only" }] } } } },
    ],
    [
      "strategic: $setElementOrder",
      {
        type: "strategic",
        fragment: {
          spec: {
            template: {
              spec: {
                containers: [{ name: "new" }],
                "$setElementOrder/containers": [{ name: "new" }, { name: "side" }, { name: "web" }],
              },
            },
          },
        },
      },
      {
        ...stored,
        spec: {
          ...stored.spec,
          template: {
            spec: { containers: [{ name: "new" }, { name: "side" }, stored.spec.template.spec.containers[0]] },
          },
        },
      },
    ],
    [
      "strategic: $deleteFromPrimitiveList",
      { type: "strategic", fragment: { metadata: { "$deleteFromPrimitiveList/finalizers": ["a"] } } },
      { ...stored, metadata: { ...stored.metadata, finalizers: ["b"] } },
    ],
    [
      "strategic: a list without a merge key is replaced",
      { type: "strategic", fragment: { spec: { volumeClaimTemplates: [{ metadata: { name: "data" }, spec: {} }] } } },
      { ...stored, spec: { ...stored.spec, volumeClaimTemplates: [{ metadata: { name: "data" }, spec: {} }] } },
    ],
    [
      "strategic: $retainKeys",
      { type: "strategic", fragment: { spec: { $retainKeys: ["replicas"], replicas: 3 } } },
      { ...stored, spec: { replicas: 3 } },
    ],
    [
      "apply: what it sets",
      { type: "apply", fragment: { spec: { replicas: 0 } } },
      { ...stored, spec: { ...stored.spec, replicas: 0 } },
    ],
    [
      "JSON: operations in their order, - appends, negative indexes count from the end",
      {
        type: "json",
        operations: [
          { op: "add", path: "/spec/template/spec/containers/-", value: { name: "z" } },
          { op: "remove", path: "/spec/template/spec/containers/-2" },
          { op: "move", from: "/metadata/labels/tier", path: "/metadata/labels/old" },
          { op: "test", path: "/metadata/labels/old", value: "front" },
          { op: "replace", path: "/spec/replicas", value: 5 },
        ],
      },
      {
        ...stored,
        metadata: { ...stored.metadata, labels: { app: "web", old: "front" } },
        spec: {
          ...stored.spec,
          replicas: 5,
          template: { spec: { containers: [stored.spec.template.spec.containers[0], { name: "z" }] } },
        },
      },
    ],
  ])("%s", ([, patch, expected]) => {
    const before = structuredClone(stored);
    expect(applyPatch(stored, patch)).toEqual(expected);
    expect(stored).toEqual(before);
  });

  // The answers of apimachinery 0.36.3's StrategicMergePatch to the same patches of a Pod.
  test.for<[string, object, string[]]>([
    ["a new entry stands first", { volumes: [{ name: "node" }] }, ["node", "data", "old"]],
    ["a new entry after a stored one", { volumes: [{ name: "old" }, { name: "node" }] }, ["data", "old", "node"]],
    [
      "an order with a new entry",
      { volumes: [{ name: "new" }], "$setElementOrder/volumes": [{ name: "new" }, { name: "old" }, { name: "data" }] },
      ["new", "old", "data"],
    ],
    ["an order alone", { "$setElementOrder/volumes": [{ name: "old" }, { name: "data" }] }, ["old", "data"]],
    ["one goes, one comes", { volumes: [{ name: "data", $patch: "delete" }, { name: "z" }] }, ["z", "old"]],
  ])("the order of a list after a strategic merge patch: %s", ([, spec, expected]) => {
    const pod = { spec: { volumes: [{ name: "data" }, { name: "old" }] } };
    const { volumes } = applyPatch(pod, { type: "strategic", fragment: { spec } }).spec as {
      volumes: { name: string }[];
    };
    expect(volumes.map(({ name }) => name)).toEqual(expected);
  });

  test.for<[string, string[], string[]]>([
    ["what is new follows what is stored", ["node"], ["data", "old", "node"]],
    ["what both have says where", ["old", "node", "data"], ["old", "node", "data"]],
  ])("the order of a list after an apply: %s", ([, names, expected]) => {
    const pod = { spec: { volumes: [{ name: "data" }, { name: "old" }] } };
    const fragment = { spec: { volumes: names.map((name) => ({ name })) } };
    const { volumes } = applyPatch(pod, { type: "apply", fragment }).spec as { volumes: { name: string }[] };
    expect(volumes.map(({ name }) => name)).toEqual(expected);
  });

  test.for<[string, Patch]>([
    ["a test that fails", { type: "json", operations: [{ op: "test", path: "/spec/replicas", value: 3 }] }],
    ["a path that is not there", { type: "json", operations: [{ op: "replace", path: "/spec/a/b", value: 3 }] }],
    [
      "an index past the end",
      { type: "json", operations: [{ op: "add", path: "/metadata/finalizers/9", value: "x" }] },
    ],
    ["an object copied into itself until nothing could hold it", { type: "json", operations: doubling(64) }],
    ["inserts before so many entries that each moves them all", { type: "json", operations: inserts }],
    ["the object itself removed", { type: "json", operations: [{ op: "replace", path: "", value: [] }] }],
  ])("a JSON patch that does not apply has no outcome: %s", ([, patch]) => {
    expect(() => applyPatch(stored, patch)).toThrow(expect.objectContaining({ code: "outcome-unknown" }));
  });

  test("no key of a patch reaches a prototype", () => {
    const patch: Patch = { type: "json", operations: [{ op: "add", path: "/__proto__/x", value: 1 }] };
    expect(() => applyPatch(stored, patch)).toThrow();
    applyPatch(stored, { type: "merge", fragment: JSON.parse('{"__proto__":{"x":1}}') });
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});
