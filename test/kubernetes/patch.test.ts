import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { jsonPatchTouches, refuseMaskedReads } from "../../kubernetes/masked-patch.ts";
import {
  clientResourceVersion,
  parsePatch,
  serializePatch,
  withObjectPrecondition,
  withPrecondition,
} from "../../kubernetes/patch.ts";

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "served";
};
const json = (operations: object[]) => parsePatch("json", JSON.stringify(operations));
const VERSION = "/metadata/resourceVersion";

const BAD: [string, "json" | "merge" | "strategic" | "apply", string][] = [
  ["a JSON patch that is an object", "json", "{}"],
  ["an unknown op", "json", '[{"op":"increment","path":"/a"}]'],
  ["an op in another case", "json", '[{"OP":"add","path":"/a","value":1}]'],
  ["no path", "json", '[{"op":"remove"}]'],
  ["a path with no slash", "json", '[{"op":"remove","path":"a"}]'],
  ["a bad escape in a path", "json", '[{"op":"remove","path":"/a~2"}]'],
  ["a path of many slashes", "json", JSON.stringify([{ op: "remove", path: "/".repeat(8193) }])],
  ["a copy with no from", "json", '[{"op":"copy","path":"/a"}]'],
  ["a from where none belongs", "json", '[{"op":"add","path":"/a","value":1,"from":"/b"}]'],
  ["an add with no value", "json", '[{"op":"add","path":"/a"}]'],
  ["an unknown key", "json", '[{"op":"remove","path":"/a","x":1}]'],
  ["a null operation", "json", "[null]"],
  ["a duplicate op", "json", '[{"op":"remove","op":"add","path":"/a","value":1}]'],
  ["10,001 operations", "json", JSON.stringify(Array(10_001).fill({ op: "remove", path: "/a" }))],
  ["a merge patch that is a list", "merge", "[]"],
  ["a strategic patch that is a string", "strategic", '"x"'],
  ["a merge patch in YAML", "merge", "a: 1"],
  ["an apply patch with two documents", "apply", "a: 1\n---\nb: 1\n"],
  ["duplicate keys", "merge", '{"a":1,"a":2}'],
];
test.each(BAD)("a patch with %s is refused", (_title, type, text) => {
  expect(codeOf(() => parsePatch(type, text))).toBe("malformed-body");
});

test("JSON patch precondition [M]: ours is the last operation", () => {
  const patch = withPrecondition(json([{ op: "add", path: "/a", value: 1 }]), "7");
  expect(JSON.parse(serializePatch(patch))).toEqual([
    { op: "add", path: "/a", value: 1 },
    { op: "add", path: VERSION, value: "7" },
  ]);
});

const UNDONE: [string, object[]][] = [
  [
    "removed after",
    [
      { op: "add", path: VERSION, value: "7" },
      { op: "remove", path: VERSION },
    ],
  ],
  [
    "replaced with its metadata",
    [
      { op: "add", path: VERSION, value: "7" },
      { op: "replace", path: "/metadata", value: {} },
    ],
  ],
  [
    "moved away",
    [
      { op: "add", path: VERSION, value: "7" },
      { op: "move", from: VERSION, path: "/metadata/annotations/x" },
    ],
  ],
  [
    "overwritten by a copy",
    [
      { op: "add", path: VERSION, value: "7" },
      { op: "copy", from: "/metadata/name", path: VERSION },
    ],
  ],
  [
    "replaced with the whole object",
    [
      { op: "add", path: VERSION, value: "7" },
      { op: "replace", path: "", value: {} },
    ],
  ],
];
test.each(UNDONE)(
  "JSON patch precondition [M]: a client's own resourceVersion that is %s is none",
  (_title, operations) => {
    expect(clientResourceVersion(json(operations))).toBeUndefined();
    expect(serializePatch(withPrecondition(json(operations), "9"))).toContain(
      `{"op":"add","path":"${VERSION}","value":"9"}]`,
    );
  },
);

test("a client's own resourceVersion is recognised wherever the patch sets it", () => {
  expect(clientResourceVersion(json([{ op: "replace", path: VERSION, value: "7" }]))).toBe("7");
  expect(clientResourceVersion(json([{ op: "add", path: "/metadata", value: { resourceVersion: "7" } }]))).toBe("7");
  expect(
    clientResourceVersion(
      json([
        { op: "add", path: VERSION, value: "7" },
        { op: "test", path: VERSION, value: "7" },
      ]),
    ),
  ).toBe("7");
  expect(clientResourceVersion(parsePatch("merge", '{"metadata":{"resourceVersion":"7"}}'))).toBe("7");
  expect(clientResourceVersion(parsePatch("apply", "metadata:\n  resourceVersion: '7'\n"))).toBe("7");
});

describe.each(["merge", "strategic", "apply"] as const)("a %s patch", (type) => {
  test("gets the precondition in its metadata and keeps the rest", () => {
    const patch = withPrecondition(parsePatch(type, '{"metadata":{"labels":{"a":"b"}},"big":9007199254740993}'), "7");
    expect(serializePatch(patch)).toBe(
      '{"metadata":{"labels":{"a":"b"},"resourceVersion":"7"},"big":9007199254740993}',
    );
  });
  test("that names another version than the judged one is a conflict", () => {
    const patch = parsePatch(type, '{"metadata":{"resourceVersion":"8"}}');
    expect(codeOf(() => withPrecondition(patch, "7"))).toBe("conflict");
    expect(codeOf(() => withPrecondition(patch, "8"))).toBe("served");
  });
  test('with resourceVersion "0" is refused: it is unconditional', () => {
    expect(codeOf(() => clientResourceVersion(parsePatch(type, '{"metadata":{"resourceVersion":"0"}}')))).toBe(
      "malformed-body",
    );
  });
});

test('a JSON patch with resourceVersion "0" is refused', () => {
  expect(codeOf(() => withPrecondition(json([{ op: "add", path: VERSION, value: "0" }]), "7"))).toBe("malformed-body");
});

test("an update gets the precondition in its metadata", () => {
  expect(withObjectPrecondition({ metadata: { name: "x" } }, "7")).toEqual({
    metadata: { name: "x", resourceVersion: "7" },
  });
  expect(codeOf(() => withObjectPrecondition({ metadata: { resourceVersion: "6" } }, "7"))).toBe("conflict");
});

const FIELDS = [
  ["data", { any: true as const }],
  ["spec", "items", { any: true as const }, "token"],
];
const TOUCHES: [string, object, boolean][] = [
  ["a test of a masked value", { op: "test", path: "/data/password", value: "guess" }, true],
  ["a copy of a masked value", { op: "copy", from: "/data/password", path: "/metadata/annotations/x" }, true],
  ["a move of a masked value", { op: "move", from: "/data/a~1b", path: "/metadata/annotations/x" }, true],
  ["a copy of what holds masked values", { op: "copy", from: "/data", path: "/metadata/annotations" }, true],
  ["a copy of the whole object", { op: "copy", from: "", path: "/x" }, true],
  ["a test of the whole object", { op: "test", path: "", value: {} }, true],
  ["a test below a masked value", { op: "test", path: "/data/password/x", value: 1 }, true],
  ["a test of one entry of a masked list", { op: "test", path: "/spec/items/0/token", value: 1 }, true],
  ["a test in a masked list's last entry", { op: "test", path: "/spec/items/-/token", value: 1 }, true],
  [
    "a test of the last-applied annotation",
    { op: "test", path: "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", value: "" },
    true,
  ],
  ["a copy of the annotations", { op: "copy", from: "/metadata/annotations", path: "/metadata/labels" }, true],
  ["a test of a field beside", { op: "test", path: "/spec/items/0/name", value: 1 }, false],
  ["a test of the type", { op: "test", path: "/type", value: "Opaque" }, false],
  ["a replace of a masked value", { op: "replace", path: "/data/password", value: "new" }, false],
  ["a copy onto a masked value", { op: "copy", from: "/metadata/name", path: "/data/x" }, false],
  ["a removal of a masked value", { op: "remove", path: "/data/password" }, false],
];
test.each(TOUCHES)("JSON patch copy, test [M]: %s: refused %j", (_title, operation, refused) => {
  const patch = json([operation]);
  if (patch.type !== "json") throw new Error("not a JSON patch");
  expect(jsonPatchTouches(patch.operations, FIELDS).length > 0).toBe(refused);
  expect(codeOf(() => refuseMaskedReads(patch.operations, FIELDS))).toBe(refused ? "forbidden" : "served");
  expect(jsonPatchTouches(patch.operations, [])).toEqual([]);
});
