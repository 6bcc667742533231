import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KnownValues } from "../../../engine/mask/known-values.ts";
import { createMasker, LAST_APPLIED, type MaskedAnswer, type Masker } from "../../../engine/mask/masker.ts";
import { PLACEHOLDER } from "../../../engine/mask/placeholder.ts";

const HMAC_KEY = Buffer.alloc(32, 7);
const SECRETS = [{ selector: { group: "", resource: "secrets" }, fields: ["data.*"], placeholder: PLACEHOLDER }];
const b64 = (text: string): string => Buffer.from(text).toString("base64");

function maskerFor(known: KnownValues, masks = SECRETS): Masker {
  const options = { hmacKey: HMAC_KEY, known };
  const masker = createMasker(masks, { group: "", resource: "secrets", namespace: "", name: "" }, options);
  if (masker === undefined) throw new Error("no mask applies");
  return masker;
}

/** What a session is shown and knows afterwards, of an item that was read whole, and of one masked in its bytes. */
function bothWays(text: string, knownBefore: readonly string[] = [], masks = SECRETS) {
  const way = (mask: (masker: Masker) => MaskedAnswer<string | Buffer> | undefined) => {
    const known = new KnownValues();
    for (const value of knownBefore) known.add(value);
    const masked = mask(maskerFor(known, masks));
    return (
      masked && {
        value: JSON.parse(masked.value.toString()) as unknown,
        maskedFields: masked.maskedFields,
        fingerprints: masked.fingerprints,
        known: known.values().map((value, i) => [Buffer.from(value).toString("latin1"), known.originOf(i)]),
      }
    );
  };
  return {
    quick: way((masker) => masker.maskBytes(Buffer.from(text))),
    read: () => way((masker) => masker.maskItem(text)),
  };
}

const METADATA = '"metadata":{"name":"db","namespace":"shop","labels":{"app":"shop"}}';
const item = (data: string, more = ""): string => `{${METADATA},"data":{${data}},"type":"Opaque"${more}}`;

test("a Secret as the API server writes it is masked in its bytes", () => {
  const { quick, read } = bothWays(item(`"password":"${b64("correct-horse")}","tls.key":"${b64("-----BEGIN x")}"`));
  expect(quick?.maskedFields).toEqual(["shop/db:data.password", "shop/db:data['tls.key']"]);
  expect(quick).toEqual(read());
});

test("what nobody puts on record has no fingerprint, and is known with one all the same", () => {
  const known = new KnownValues();
  const masked = maskerFor(known).maskBytes(Buffer.from(item(`"password":"${b64("correct-horse")}"`)), false);
  expect(masked?.fingerprints).toEqual({});
  expect(known.originOf(0).fingerprint).toMatch(/^[0-9a-f]{64}$/);
});

describe("an item that is read whole:", () => {
  const PASSWORD = `"p":"${b64("correct-horse")}"`;
  test.each([
    ["a value that stands in a label", `{"metadata":{"name":"a","labels":{"l":"correct-horse"}},"data":{${PASSWORD}}}`],
    ["a value inside another field", item(PASSWORD, ',"note":"it is correct-horse!"')],
    ["a value as base64 in another field", item(PASSWORD, `,"note":"${b64("correct-horse")}"`)],
    ["one without its newline", item(`"p":"${b64("root\n\n")}"`, ',"note":"root"')],
    ["one that is base64 of it without its newline", item(`"p":"${b64("1a\n")}"`, ',"note":"MWE="')],
    ["one without the space before it", item(`"p":"${b64(" correct-horse")}"`, ',"note":"correct-horse"')],
    ["base64 with spaces in it", item('"p":"Y29ycmVjdC1ob3 JzZQ=="', ',"note":"correct-horse"')],
    ["a key with an escape", item('"p\\u0061":"YWJj"')],
    ["a value with an escape", item('"p":"YWJ\\u006a"')],
    ["a key that stands twice", item(`"p":"YWJj",${PASSWORD}`)],
    ["data that stand twice", item(PASSWORD, ',"data":{"q":"YWJj"}')],
    ["metadata that stand twice", item(PASSWORD, `,${METADATA}`)],
    ["a number among the values", item('"p":1')],
    ["null among the values", item('"p":null')],
    ["an object among the values", item('"p":{"q":"YWJj"}')],
    ["data that are null", `{${METADATA},"data":null}`],
    ["no data", `{${METADATA}}`],
    ["spaces between tokens", `{ ${METADATA},"data":{${PASSWORD}}}`],
    ["a newline at the end", `${item(PASSWORD)}\n`],
    ["keys that JavaScript sorts", item('"b":"YWJj","1":"YWJj"')],
    ["a Helm release", item(`"release":"${b64("x")}"`)],
    ["a placeholder", item(`"p":"${b64(PLACEHOLDER)}"`)],
    ["stringData", item(PASSWORD, ',"stringData":{"q":"correct-horse"}')],
    ["a Status", item(PASSWORD, ',"kind":"Status"')],
    ["a number beyond what a double holds", item(PASSWORD, ',"n":12345678901234567890')],
    ["a number with an exponent", item(PASSWORD, ',"n":1e5')],
    ["text beyond ASCII", item(PASSWORD, ',"note":"é"')],
    [
      "the object as it was applied",
      `{"metadata":{"name":"a","annotations":{"${LAST_APPLIED}":"none"}},"data":{${PASSWORD}}}`,
    ],
    [
      "an object that was packed",
      `{"metadata":{"name":"a","annotations":{"x/applied":"H4sIAAAA"}},"data":{${PASSWORD}}}`,
    ],
    [
      "managedFields that hold a value",
      `{"metadata":{"name":"a","managedFields":[{"fieldsV1":{"f:data":{"f:p":{"v:12345678":{}}}}}]},"data":{${PASSWORD}}}`,
    ],
    ["a name that is no string", `{"metadata":{"name":1},"data":{${PASSWORD}}}`],
    ["an array of metadata", `{"metadata":[],"data":{${PASSWORD}}}`],
  ])("%s", (_title, text) => {
    expect(bothWays(text).quick).toBeUndefined();
  });

  test("what the session knows from elsewhere", () => {
    const text = item(PASSWORD, ',"note":"it is hunter2-hunter2"');
    expect(bothWays(text).quick).toBeDefined();
    expect(bothWays(text, ["hunter2-hunter2"]).quick).toBeUndefined();
  });

  test.each([
    ["two masks", [...SECRETS, ...SECRETS]],
    ["one key", [{ ...SECRETS[0], fields: ["data.password"] }]],
    ["a pattern", [{ ...SECRETS[0], patterns: ["jwt"] }]],
    ["a field deeper down", [{ ...SECRETS[0], fields: ["data.*", "spec.*.*"] }]],
    ["labels", [{ ...SECRETS[0], fields: ["metadata.*"] }]],
    ["a placeholder that JSON escapes", [{ ...SECRETS[0], placeholder: 'a"b' }]],
    ["another namespace", [{ ...SECRETS[0], selector: { resource: "secrets", namespace: "pay" } }]],
  ])("a mask by %s", (_title, masks) => {
    const text = `{"metadata":{"name":"a","namespace":"b"},"data":{${PASSWORD}}}`;
    expect(bothWays(text, [], masks as typeof SECRETS).quick).toBeUndefined();
  });
});

/** JSON as somebody might write it by hand: keys twice, escapes, spaces, numbers, and values that show up elsewhere. */
const VALUES = [
  "correct-horse",
  "ab",
  "1",
  "ab\n",
  " ab",
  "root\n\n",
  "\u00a0root",
  "root",
  '{"a":"b-c-d-e"}',
  'a\\b"c-d',
  "é-secret-é",
];
const odd = (text: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 40, arbitrary: fc.constant(JSON.stringify(text)) },
    fc.constantFrom(` ${JSON.stringify(text)}`, escaped(text)),
  );
const escaped = (text: string): string =>
  `"${[...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`;
const words = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom("shop", "", "a", "H4sI", "{}", "db", "true", PLACEHOLDER, "app.kubernetes.io/name"),
  },
  { weight: 1, arbitrary: fc.constantFrom(...VALUES, ...VALUES.map(b64), ...VALUES.map((value) => `x ${value} y`)) },
);
const keys = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "password", "tls.key", "b") },
  fc.constantFrom("__proto__", "1", "release", "constructor", "v:1", LAST_APPLIED, "data", ".dockerconfigjson"),
);
const objectOf = (key: fc.Arbitrary<string>, value: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(key.chain(odd), value), { maxLength })
    .map((entries) => `{${entries.map(([name, text]) => `${name}:${text}`).join(",")}}`);
const secretValue = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...VALUES.map(b64), "", "AAAA/+AA", "YWJ=", "MR==").chain(odd) },
  {
    weight: 3,
    arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => `"${Buffer.from(bytes).toString("base64")}"`),
  },
  fc.constantFrom("1", "null", "true", '{"q":"YWJj"}', '["YWJj"]', '"not base64!"', '"Y29y cmVj"', '"Zm9v-_8="'),
);
const scalar = fc.oneof(
  { weight: 5, arbitrary: words.chain(odd) },
  fc.constantFrom("1", "-0.5", "1e400", "123456789012345678", "[]", "null"),
);
const deep = fc.oneof(
  scalar,
  objectOf(keys, scalar, 3),
  fc.array(scalar, { maxLength: 3 }).map((all) => `[${all.join(",")}]`),
);
const metadata = objectOf(
  fc.constantFrom("name", "namespace", "labels", "annotations", "uid", "managedFields", "ownerReferences", "more"),
  fc.oneof(scalar, objectOf(keys, scalar, 3), fc.constantFrom('"db"', '"shop"')),
  5,
);
const entries = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: objectOf(keys, secretValue, 4).map((data) => `"data":${data}`) },
    { weight: 2, arbitrary: metadata.map((text) => `"metadata":${text}`) },
    fc
      .tuple(fc.constantFrom("kind", "type", "immutable", "note", "stringData", "data"), deep)
      .map(([key, text]) => `"${key}":${text}`),
    fc.constantFrom('"type":"helm.sh/release.v1"', '"kind":"Status"', '"apiVersion":"v1"', '"kind":"Secret"'),
  ),
  { minLength: 1, maxLength: 4 },
);

test("an item that is masked in its bytes is the same to every reader, on record and in what is known, as one that was read", () => {
  let quickly = 0;
  const numRuns = process.env.SALLYPORT_TEST_ALL ? 200_000 : 4_000;
  fc.assert(
    fc.property(entries, fc.array(fc.constantFrom("shop-shop", ...VALUES), { maxLength: 2 }), (parts, known) => {
      const text = `{${parts.join(",")}}`;
      JSON.parse(text);
      const { quick, read } = bothWays(text, known);
      if (quick === undefined) return;
      quickly++;
      expect(quick).toEqual(read());
    }),
    { numRuns, seed: 11 },
  );
  expect(quickly).toBeGreaterThan(numRuns / 20);
}, 600_000);
