import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { HOLDS } from "../../../base/json-holds.ts";
import type { Mask } from "../../../engine/decision.ts";
import { createMasker, LAST_APPLIED } from "../../../engine/mask/masker.ts";
import { PLACEHOLDER } from "../../../engine/mask/placeholder.ts";
import { jsonPatchTouches } from "../../../kubernetes/masked-patch.ts";

const b64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
const MASKED = b64(PLACEHOLDER);
const MASKS: Mask[] = [{ selector: { group: "", resource: "secrets" }, fields: ["data.*"], placeholder: PLACEHOLDER }];
const SECRETS = { group: "", resource: "secrets", namespace: "a", name: "" };

type Json = { [key: string]: unknown };
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into at many depths
type Loose = any;

function mask(answer: unknown, masks = MASKS, requested = SECRETS): { value: Loose; fields: string[]; text: string } {
  const masker = createMasker(masks, requested);
  if (masker === undefined) throw new Error("no mask applies");
  const { value, maskedFields } = masker.maskText(JSON.stringify(answer));
  return { value: JSON.parse(value), fields: maskedFields, text: value };
}

const secret = (data: Json, extra: Json = {}): Json => ({
  kind: "Secret",
  apiVersion: "v1",
  metadata: { name: "db", namespace: "a", uid: "u", resourceVersion: "7", ...extra },
  data,
  type: "Opaque",
});
const HUNTER = b64("hunter2-hunter2");

test("a Secret keeps its keys, type and metadata, and its values are valid base64", () => {
  const { value, fields } = mask(secret({ password: HUNTER, "tls.crt": b64("x") }));
  expect(value).toEqual(secret({ password: MASKED, "tls.crt": MASKED }));
  expect(fields).toEqual(["data.password", "data['tls.crt']"]);
  expect(Buffer.from(value.data.password, "base64").toString()).toBe(PLACEHOLDER);
});

test("an empty value is masked too", () => {
  expect(mask(secret({ a: "" })).value.data.a).toBe(MASKED);
});

test("where no mask applies there is no masker", () => {
  expect(createMasker(MASKS, { ...SECRETS, resource: "pods" })).toBeUndefined();
  expect(createMasker(MASKS, { ...SECRETS, group: "example.com" })).toBeUndefined();
});

describe("GHSA-w23h-64x4-22h9, kubernetes 23564: the answer is masked by what was requested, whatever comes back", () => {
  const annotated = (data: Json, key = "data") => ({
    [LAST_APPLIED]: `${JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, [key]: data })}\n`,
  });
  const SHAPES: [string, Json, string[]][] = [
    [
      "a SecretList",
      {
        kind: "SecretList",
        apiVersion: "v1",
        metadata: {},
        items: [{ metadata: { name: "db", namespace: "a" }, data: { p: HUNTER } }],
      },
      ["a/db:data.p"],
    ],
    ["a List", { kind: "List", apiVersion: "v1", items: [secret({ p: HUNTER })] }, ["a/db:data.p"]],
    ["a list that does not call itself one", { metadata: {}, items: [secret({ p: HUNTER })] }, ["a/db:data.p"]],
    [
      "a watch event that claims a kind",
      { kind: "Status", type: "ADDED", object: secret({ p: HUNTER }) },
      ["a/db:data.p"],
    ],
    [
      "a table of another kind",
      { kind: "Rows", rows: [{ cells: ["db", HUNTER], object: secret({ p: HUNTER }) }] },
      ["a/db:data.p"],
    ],
    [
      "an object with items of its own",
      { kind: "X", metadata: { name: "x" }, items: [1, HUNTER, [HUNTER]], data: { p: HUNTER } },
      ["/x:data.p"],
    ],
    ["a watch event", { type: "MODIFIED", object: secret({ p: HUNTER }) }, ["a/db:data.p"]],
    [
      "an object of a kind that nobody knows",
      { kind: "X", apiVersion: "v9", metadata: {}, data: { p: HUNTER } },
      ["data.p"],
    ],
    [
      "a Table with whole objects",
      {
        kind: "Table",
        apiVersion: "meta.k8s.io/v1",
        columnDefinitions: [{ name: "Name" }, { name: "Type" }],
        rows: [{ cells: ["db", HUNTER], object: secret({ p: HUNTER }) }],
      },
      ["a/db:data.p"],
    ],
    [
      "a Table with metadata, through the last-applied annotation",
      {
        kind: "Table",
        apiVersion: "meta.k8s.io/v1",
        columnDefinitions: [{ name: "Name" }],
        rows: [
          {
            cells: ["db"],
            object: {
              kind: "PartialObjectMetadata",
              metadata: { name: "db", namespace: "a", annotations: annotated({ p: HUNTER }) },
            },
          },
        ],
      },
      [`a/db:metadata.annotations['${LAST_APPLIED}'].data.p`],
    ],
    [
      "PartialObjectMetadata, through stringData in the last-applied annotation",
      {
        kind: "PartialObjectMetadata",
        metadata: { name: "db", namespace: "a", annotations: annotated({ p: "hunter2-hunter2" }, "stringData") },
      },
      [`metadata.annotations['${LAST_APPLIED}'].stringData.p`],
    ],
    [
      "a watch event with a Table",
      { type: "ADDED", object: { kind: "Table", rows: [{ cells: ["db", HUNTER], object: secret({ p: HUNTER }) }] } },
      ["a/db:data.p"],
    ],
  ];
  test.each(SHAPES)("%s", (_title, answer, expected) => {
    const { text, fields } = mask(answer);
    expect(text).not.toContain(HUNTER);
    expect(text).not.toContain("hunter2");
    expect(fields).toEqual(expect.arrayContaining(expected));
  });

  test("a last-applied annotation that does not parse is replaced whole", () => {
    const { value } = mask(secret({}, { annotations: { [LAST_APPLIED]: `{"data":{"p":"${HUNTER}"` } }));
    expect(value.metadata.annotations[LAST_APPLIED]).toBe(PLACEHOLDER);
  });

  test("the last-applied annotation stays JSON with its keys, and bookkeeping survives", () => {
    const { value } = mask(secret({ p: HUNTER }, { annotations: annotated({ p: HUNTER }) }));
    expect(JSON.parse(value.metadata.annotations[LAST_APPLIED])).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "db" },
      data: { p: MASKED },
    });
  });
});

const ELSEWHERE: [string, string][] = [
  ["as it stands", HUNTER],
  ["decoded", "hunter2-hunter2"],
  ["decoded inside a longer text", "dsn=postgres://u:hunter2-hunter2@db"],
  ["encoded inside a longer text", `Authorization: Basic ${HUNTER} and more`],
  ["inside an annotation that holds JSON", JSON.stringify({ a: [{ b: "hunter2-hunter2" }] })],
];
test.each(ELSEWHERE)(
  "JSON patch copy, test [M]: a masked value that stands elsewhere %s is masked there",
  (_title, text) => {
    const { text: out, fields } = mask(secret({ p: HUNTER }, { annotations: { copy: text }, labels: { l: text } }));
    expect(out).not.toContain("hunter2");
    expect(out).not.toContain(HUNTER.slice(0, -1));
    expect(fields).toEqual(expect.arrayContaining(["data.p", "metadata.labels.l"]));
    expect(fields.some((field) => field.startsWith("metadata.annotations.copy"))).toBe(true);
  },
);

test("a value with quotes is found where it is written inside JSON, as Go writes it too", () => {
  const value = 'pass"word<&>\n\\long';
  const go = JSON.stringify({ x: [value] })
    .replaceAll("<", "\\u003c")
    .replaceAll("&", "\\u0026")
    .replaceAll(">", "\\u003e");
  const { text } = mask(
    secret({ p: b64(value) }, { annotations: { plain: `see ${JSON.stringify({ value })}`, go: `see ${go}` } }),
  );
  expect(text).not.toContain("word");
});

test("a secret of one object is masked in another object of the list", () => {
  const other = secret({}, { name: "other", annotations: { note: "hunter2-hunter2" } });
  const { text } = mask({ kind: "SecretList", items: [other, secret({ p: HUNTER })] });
  expect(text).not.toContain("hunter2");
});

test("a value that equals the namespace's or the object's name does not hide who the object is", () => {
  const { value } = mask(
    secret({ namespace: b64("a"), name: b64("db"), kind: b64("Secret"), type: b64("Opaque"), uid: b64("u") }),
  );
  expect(value).toMatchObject({
    kind: "Secret",
    apiVersion: "v1",
    type: "Opaque",
    metadata: { name: "db", namespace: "a", uid: "u" },
  });
  const list = mask({
    kind: "SecretList",
    apiVersion: "v1",
    items: [secret({ n: b64("payments") }, { name: "payments", namespace: "payments" })],
  });
  expect(list.value.items[0].metadata).toMatchObject({ name: "payments", namespace: "payments" });
});

test("values of fewer than four characters are masked in their field and not looked for elsewhere", () => {
  const { value } = mask(secret({ p: b64("on") }, { labels: { power: "on" } }));
  expect(value.metadata.labels.power).toBe("on");
});

test("int64 beyond 2^53 elsewhere in the answer is not changed", () => {
  const masker = createMasker(MASKS, SECRETS);
  const text = `{"kind":"Secret","metadata":{"generation":9007199254740993},"data":{"p":"${HUNTER}"}}`;
  expect(masker?.maskText(text).value).toBe(text.replace(HUNTER, MASKED));
});

test("fields by selector: container env of any kind, ConfigMap keys, numbers, booleans and whole subtrees", () => {
  const answer = {
    kind: "Pod",
    metadata: { name: "p", namespace: "a" },
    spec: {
      containers: [
        { name: "c", env: [{ name: "A", value: "s3cr3t-value" }, { name: "B" }], args: ["--token=s3cr3t-value"] },
      ],
      pin: 1234,
      on: true,
      tree: { a: ["x1", { b: "y" }] },
    },
  };
  const masks = [
    {
      selector: {},
      fields: ["spec.containers[*].env[*].value", "spec.pin", "spec.on", "spec.tree"],
      placeholder: PLACEHOLDER,
    },
  ];
  const { value, fields } = mask(answer, masks, { group: "", resource: "pods", namespace: "a", name: "p" });
  expect(value.spec).toEqual({
    containers: [
      { name: "c", env: [{ name: "A", value: PLACEHOLDER }, { name: "B" }], args: [`--token=${PLACEHOLDER}`] },
    ],
    pin: 0,
    on: false,
    tree: { a: [PLACEHOLDER, { b: PLACEHOLDER }] },
  });
  expect(fields).toEqual([
    "spec.containers[0].env[0].value",
    "spec.pin",
    "spec.on",
    "spec.tree.a[0]",
    "spec.tree.a[1].b",
    "spec.containers[0].args[0]",
  ]);
});

test("cells of a custom resource's Table are masked where the row does not hold the object that they show", () => {
  const table = {
    kind: "Table",
    columnDefinitions: [{ name: "Name" }, { name: "Token" }, { name: "Count" }, { name: "Age" }],
    rows: [{ cells: ["x", "s3cr3t", 5, "1d"], object: { kind: "PartialObjectMetadata", metadata: { name: "x" } } }],
  };
  const masks = [{ selector: { resource: "vaults" }, fields: ["spec.token"], placeholder: PLACEHOLDER }];
  const { value } = mask(table, masks, { group: "example.com", resource: "vaults", namespace: "a", name: "" });
  expect(value.rows[0].cells).toEqual(["x", PLACEHOLDER, PLACEHOLDER, "1d"]);
});

test("a mask for one namespace applies to that namespace's objects in a list of all", () => {
  const masks = [
    { selector: { group: "", resource: "secrets", namespace: "pay-*" }, fields: ["data.*"], placeholder: PLACEHOLDER },
  ];
  const { value } = mask(
    {
      kind: "SecretList",
      items: [secret({ p: HUNTER }, { namespace: "pay-1" }), secret({ p: b64("other-secret") }, { namespace: "b" })],
    },
    masks,
    { ...SECRETS, namespace: "" },
  );
  expect([value.items[0].data.p, value.items[1].data.p]).toEqual([MASKED, b64("other-secret")]);
});

test.each(["data..x", "", ".data", "data[", "data['x]", "data[x]", "data x"])(
  "a mask whose field path %j is not understood throws",
  (field) => {
    expect(() => createMasker([{ selector: {}, fields: [field], placeholder: PLACEHOLDER }], SECRETS)).toThrow(
      SyntaxError,
    );
  },
);

const HOSTILE: [string, string][] = [
  ["no JSON", "<html>"],
  ["half an object", '{"kind":"Secret","data":{"p":"aHVu'],
  ["nesting of a hundred thousand", `{"data":{"p":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`],
  [
    "nesting of a hundred thousand beside the data",
    `{"data":{"p":"${HUNTER}"},"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
  ],
];
test.each(HOSTILE)("an answer with %s is refused as unmaskable", (_title, text) => {
  try {
    createMasker(MASKS, SECRETS)?.maskText(text);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    expect((error as Refusal).code).toBe("unmaskable");
    expect((error as Refusal).message).not.toContain("aHVu");
  }
});

test("keys named __proto__ and constructor are keys", () => {
  const masker = createMasker(MASKS, SECRETS);
  const text = `{"data":{"__proto__":"${HUNTER}","constructor":"${HUNTER}"},"metadata":{"annotations":{"__proto__":"${HUNTER}"}}}`;
  expect(masker?.maskText(text).value).toBe(text.replaceAll(HUNTER, MASKED));
  expect(({} as Json).p).toBeUndefined();
});

test("an answer made to be slow is refused, and not searched for minutes", () => {
  const data = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, b64(`aaaaaaaaaaaaaaaaaaaa${i}`)]));
  // Searched for minutes it would run into the test's time limit.
  expect(() => mask(secret(data, { annotations: { x: "a".repeat(1_000_000) } }))).toThrow(Refusal);
});

test("fingerprints tell equal values and no others, under the install's key", () => {
  const masker = createMasker(MASKS, SECRETS, { hmacKey: Buffer.from("key") });
  const { fingerprints } = masker?.maskText(JSON.stringify(secret({ a: HUNTER, b: HUNTER, c: b64("else") }))) ?? {
    fingerprints: {} as Json,
  };
  expect(fingerprints["data.a"]).toBe(fingerprints["data.b"]);
  expect(fingerprints["data.a"]).not.toBe(fingerprints["data.c"]);
});

test("an annotation that holds an object packed is masked whole, in lists and in metadata alone too", () => {
  const packed = gzipSync(JSON.stringify(secret({ p: b64("hunter2-hunter2") }))).toString("base64");
  const annotations = { "objectset.rio.cattle.io/applied": packed };
  const metadata = { kind: "PartialObjectMetadata", metadata: { name: "db", annotations } };
  expect(mask(metadata).text).not.toContain(packed);
  const vault = JSON.stringify({ kind: "Vault", metadata: { name: "v", annotations }, spec: {} });
  const vaults = [{ selector: { resource: "vaults" }, fields: ["spec.token"], placeholder: PLACEHOLDER }];
  const masker = createMasker(vaults, { group: "", resource: "vaults", namespace: "a", name: "" });
  expect(masker?.mayMask(Buffer.from(vault), HOLDS.object)).toBe(true);
  expect(masker?.mayMask(Buffer.from(vault))).toBe(true);
  expect(masker?.maskItem(vault).value).not.toContain(packed);
});

describe("managedFields, which write entries of sets and keys of lists into the names of fields", () => {
  const TOKEN = "correct-horse-battery";
  const owned = {
    "f:spec": {
      "f:tokens": { ".": {}, [`v:"${TOKEN}"`]: {}, 'v:"abc"': {} },
      "f:users": { [`k:{"password":"${TOKEN}"}`]: { ".": {}, "f:password": {} }, 'k:{"name":"bob"}': { "f:name": {} } },
      "f:open": { 'v:"stays"': {} },
    },
  };
  const metadata = { name: "v", namespace: "a", managedFields: [{ manager: "m", fieldsV1: owned }] };
  const masks = ["spec.tokens[*]", "spec.users[*].password"].map((field) => ({
    selector: { resource: "vaults" },
    fields: [field],
    placeholder: PLACEHOLDER,
  }));
  const vaults = { group: "", resource: "vaults", namespace: "a", name: "" };

  test.each<[string, Json]>([
    ["a whole object", { kind: "Vault", metadata, spec: { tokens: [TOKEN, "abc"] } }],
    ["its metadata alone", { kind: "PartialObjectMetadata", metadata }],
  ])("are masked in %s, and the rest of them stays", (_title, object) => {
    const { value, text } = mask({ kind: "List", items: [object] }, masks, vaults);
    expect(text).not.toContain(TOKEN);
    const spec = value.items[0].metadata.managedFields[0].fieldsV1["f:spec"];
    expect(Object.keys(spec["f:tokens"])).toHaveLength(3);
    expect(JSON.stringify(spec["f:tokens"])).not.toContain("abc");
    expect(Object.keys(spec["f:users"])).toContain('k:{"name":"bob"}');
    expect(spec["f:open"]).toEqual({ 'v:"stays"': {} });
    const masker = createMasker(masks, vaults);
    expect(masker?.mayMask(Buffer.from(JSON.stringify(object)))).toBe(true);
    expect([...(masker?.words ?? [])]).toContain("f:tokens");
  });

  test("are masked where they look like what a pattern names", () => {
    const key = `AKIA${"Q".repeat(16)}`;
    const fieldsV1 = { "f:spec": { "f:keys": { [`v:"${key}"`]: {} } } };
    const object = { kind: "Vault", metadata: { name: "v", managedFields: [{ fieldsV1 }] } };
    const patterns: Mask[] = [{ selector: {}, fields: [], patterns: ["cloud-key"], placeholder: PLACEHOLDER }];
    expect(mask(object, patterns, vaults).text).not.toContain(key);
  });
});

test.each(["/spec/args/-1", "/spec/args/+1", "/spec/args/01", "/spec/args/0"])(
  "JSON patch copy, test [M]: a field masked by its index is not read at %s either",
  (path) => {
    const masks = [{ selector: { resource: "jobs" }, fields: ["spec.args[1]"], placeholder: PLACEHOLDER }];
    const { fields = [] } = createMasker(masks, { group: "", resource: "jobs", namespace: "a", name: "" }) ?? {};
    // Entries before it may be gone by then: [{"op":"remove","path":"/spec/args/0"}, {"op":"test","path":"/spec/args/0"}].
    expect(jsonPatchTouches([{ op: "test", path, value: "guess" }], fields)).toEqual([path]);
  },
);

test("a thousand masked fields are named and the rest is counted", () => {
  const data = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`k${i}`, b64("v")]));
  expect(mask(secret(data)).fields.slice(999)).toEqual(["data.k999", "+500 more"]);
});

const word = fc
  .string({ minLength: 8, maxLength: 24 })
  .filter((text) => text.isWellFormed() && text.trim().length >= 8 && !PLACEHOLDER.includes(text.trim()));
const clean = (text: string): boolean => !PLACEHOLDER.includes(text) && !MASKED.includes(text);
test("no answer holds a masked value after masking, encoded or decoded, and keys stay", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), word, { minKeys: 1, maxKeys: 5 }),
      fc.array(fc.string({ maxLength: 10 }), { maxLength: 4 }),
      (values, noise) => {
        const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, b64(value)]));
        const copies = Object.values(values).flatMap((value) => [
          value,
          b64(value),
          noise.join(value),
          noise.join(b64(value)),
        ]);
        const annotations = Object.fromEntries(copies.map((text, i) => [`n${i}`, text]));
        annotations[LAST_APPLIED] = JSON.stringify({ data, stringData: values });
        const { value: out } = mask({ kind: "SecretList", items: [secret(data, { annotations })] });
        const strings: string[] = [];
        const walk = (value: unknown): void => {
          if (typeof value === "string") strings.push(value);
          else if (value !== null && typeof value === "object") Object.values(value).forEach(walk);
        };
        walk(out);
        for (const [key, value] of Object.entries(values)) {
          for (const text of strings) {
            if (clean(value)) expect(text.includes(value)).toBe(false);
            expect(text.includes(b64(value))).toBe(false);
          }
          expect(Object.hasOwn(out.items[0].data, key)).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("masking a masked answer changes nothing", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string()), fc.json(), (values, note) => {
      const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, b64(value)]));
      const once = mask(secret(data, { annotations: { note, [LAST_APPLIED]: note } }));
      expect(mask(once.value).text).toBe(once.text);
    }),
    { numRuns: 300 },
  );
});
