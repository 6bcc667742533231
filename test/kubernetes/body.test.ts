import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { bodyFormat } from "../../kubernetes/body/content-type.ts";
import { decodeBody } from "../../kubernetes/body/decode.ts";
import { parseStrictJson } from "../../kubernetes/body/json.ts";
import { jsonForYaml, parseYaml } from "../../kubernetes/body/yaml.ts";

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "served";
};
const bytes = (text: string) => new TextEncoder().encode(text);
const LIMITS = { bodyBytes: 3145728 };
const decode = (method: string, target: string, type: string, body: string | Uint8Array) =>
  decodeBody(
    requestAttributes(method, target, { "content-type": type }),
    type,
    typeof body === "string" ? bytes(body) : body,
    LIMITS,
  );
const POD = "/api/v1/namespaces/a/pods";
const forwarded = (body: { forwardBytes: Uint8Array }) => new TextDecoder().decode(body.forwardBytes);

interface YamlCase {
  yaml: string;
  json?: string;
  error?: boolean;
}
/** Recorded from sigs.k8s.io/yaml v1.6.0, YAMLToJSON, which the API server reads with. */
const yamlCases = JSON.parse(readFileSync(new URL("./data/yaml.json", import.meta.url), "utf8")) as YamlCase[];
/** What we refuse though the API server takes it. */
const STRICTER = new Set(["a: !!str 12\n", "1.5: x\n"]);

describe("YAML 1.1 [M]: YAML is what the API server reads in it", () => {
  test.each(yamlCases.filter((c) => !STRICTER.has(c.yaml)).map((c) => [c.yaml, c] as const))("%j", (yaml, c) => {
    if (c.error === true) expect(codeOf(() => parseYaml(yaml))).toBe("malformed-body");
    else expect(JSON.stringify(parseYaml(yaml))).toBe(JSON.stringify(parseStrictJson(c.json ?? "")));
  });
});

const BAD_YAML: [string, string][] = [
  ["a second document", "a: 1\n---\nb: 2\n"],
  ["an empty second document", "a: 1\n---\n"],
  ["a duplicate key", "a: 1\na: 2\n"],
  ["a duplicate key in two spellings", "1: a\n'1': b\n"],
  ["an unknown tag", "a: !foo b\n"],
  ["a binary tag", "a: !!binary aGk=\n"],
  ["an alias to nothing", "a: *x\n"],
  ["an anchor within itself", "a: &x [*x]\n"],
  ["an anchor defined twice", "a: &x 1\nb: &x 2\nc: *x\n"],
  ["a key before the merge that sets it too", "a: &x {k: 1}\nb:\n  k: 2\n  <<: *x\n"],
  ["a merge of a string", "b:\n  <<: x\n"],
  ["a mapping as a key", "? {a: 1}\n: b\n"],
  ["nothing", ""],
  ["a comment only", "# x\n"],
  ["tabs as indentation", "a:\n\tb: 1\n"],
  ["nesting over 200", `${"- ".repeat(201)}a`],
  ["flow nesting over 200", `${"[".repeat(5000)}${"]".repeat(5000)}`],
  [
    "an alias bomb",
    `a: &a [${"x,".repeat(50)}]\n${"bcdefghi"
      .split("")
      .map((c, i) => `${c}: &${c} [${`*${"abcdefgh"[i]},`.repeat(50)}]`)
      .join("\n")}\n`,
  ],
];
test.each(BAD_YAML)("YAML with %s is refused", (_title, yaml) => {
  expect(codeOf(() => parseYaml(yaml))).toBe("malformed-body");
});

test("a YAML alias gives each place a value of its own", () => {
  const value = parseYaml("a: &x {k: 1}\nb: *x\n") as { a: object; b: object };
  expect(value).toEqual({ a: { k: 1 }, b: { k: 1 } });
  expect(value.a).not.toBe(value.b);
});

test("a YAML body over 128 KiB is refused and told to come as JSON", () => {
  expect(codeOf(() => parseYaml(`a: ${"x".repeat(140_000)}`))).toBe("body-too-large");
});

test("a YAML key named __proto__ is a key", () => {
  expect(JSON.stringify(parseYaml("__proto__: {a: 1}\n"))).toBe('{"__proto__":{"a":1}}');
});

test("YAML 1.1 [M]: hostNetwork: yes is judged as true, and goes upstream as the JSON that was judged", () => {
  const body = decode("POST", POD, "application/yaml", "spec:\n  hostNetwork: yes\n  big: 9007199254740993\n");
  expect(body.object).toMatchObject({ spec: { hostNetwork: true } });
  expect(forwarded(body)).toBe('{"spec":{"hostNetwork":true,"big":9007199254740993}}');
  expect(body.forwardContentType).toBe("application/json");
});

const BAD_JSON: [string, string][] = [
  ["a duplicate key", '{"spec":{"a":1,"a":2}}'],
  ["a duplicate key in an escaped spelling", '{"a":1,"\\u0061":2}'],
  ["a duplicate key inside a list", '{"a":[{"b":1},{"c":{"d":1,"d":1}}]}'],
  ["a duplicate __proto__", '{"__proto__":1,"__proto__":2}'],
  ["nesting over 200", `${'{"a":'.repeat(200)}{}${"}".repeat(200)}`],
  ["nesting of a million", "[".repeat(1_000_000)],
  ["trailing data", '{"a":1} {"b":2}'],
  ["a trailing comma", '{"a":1,}'],
  ["a comment", '{"a":1 /* x */}'],
  ["half a surrogate pair", '{"a":"\\ud800"}'],
  ["half a surrogate pair in a key", '{"\\udc00":1}'],
  ["a number out of range", '{"a":1e400}'],
  ["a byte order mark", '\ufeff{"a":1}'],
  ["a list as its root", "[]"],
  ["a string as its root", '"x"'],
  ["null as its root", "null"],
  ["nothing but a space", " "],
];
test.each(BAD_JSON)("JSON with %s is refused", (_title, json) => {
  expect(codeOf(() => decode("POST", POD, "application/json", json))).toBe("malformed-body");
});

test("a body of more values than take a moment to read is refused, in each format, and long text is none of them", () => {
  const many = (value: string): string => `{"a":[${`${value},`.repeat(250_000)}0]}`;
  for (const value of ["0", "{}", '{"a":0}', "[]", '""']) {
    expect(codeOf(() => decode("POST", POD, "application/json", many(value)))).toBe("malformed-body");
  }
  const keys = Array.from({ length: 250_001 }, (_, i) => `"${i}":0`).join(",");
  expect(codeOf(() => decode("POST", POD, "application/yaml", `{${keys}}`))).toBe("malformed-body");
  const cbor = Buffer.concat([
    Buffer.from([0xa1, 0x41, 0x61, 0x9a, 0x00, 0x10, 0x00, 0x00]),
    Buffer.alloc(1 << 20, 0x80),
  ]);
  expect(codeOf(() => decode("POST", POD, "application/cbor", cbor))).toBe("malformed-body");
  const csv = JSON.stringify({ data: { csv: "[{a,".repeat(300_000) } });
  expect(codeOf(() => decode("POST", POD, "application/json", csv))).toBe("served");
});

test("JSON with invalid UTF-8 is refused", () => {
  const body = new Uint8Array([...bytes('{"a":"'), 0xff, ...bytes('"}')]);
  expect(codeOf(() => decode("POST", POD, "application/json", body))).toBe("malformed-body");
});

test("JSON goes upstream in the client's own bytes", () => {
  const text = '{ "a" : 9007199254740993, "b": 1.0, "\\u0061b": "\\/" }';
  expect(forwarded(decode("POST", POD, "application/json", text))).toBe(text);
});

test("int64 beyond 2^53 survives in what is judged", () => {
  const { object } = decode("POST", POD, "", '{"a":9007199254740993,"b":-9223372036854775808,"c":"9007199254740993"}');
  expect(JSON.stringify(object)).toBe('{"a":9007199254740993,"b":-9223372036854775808,"c":"9007199254740993"}');
});

test("keys that differ in case are different keys, as they are to the API server", () => {
  expect(decode("POST", POD, "", '{"spec":1,"Spec":2}').object).toEqual({ spec: 1, Spec: 2 });
});

test("any JSON value that parses is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      fc.pre(!text.includes("\\ud"));
      expect(JSON.parse(JSON.stringify(parseStrictJson(text)))).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))));
    }),
  );
});

test("any text is read as YAML or refused, and JSON for YAML is read as the same value", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      expect(["served", "malformed-body"]).toContain(codeOf(() => parseYaml(text)));
      fc.pre(text.isWellFormed());
      expect(JSON.parse(jsonForYaml({ text }))).toEqual({ text });
    }),
    { numRuns: 500 },
  );
});

const TYPES: [string, string][] = [
  ["", "json"],
  ["application/json", "json"],
  ["Application/JSON; charset=UTF-8", "json"],
  ["application/yaml", "yaml"],
  ["application/json; charset=utf-16", "unsupported-media-type"],
  ["application/json, application/yaml", "unsupported-media-type"],
  ["application/json;", "json"],
  ["application/vnd.kubernetes.protobuf", "protobuf"],
  ["application/cbor", "cbor"],
  ["application/cbor-seq", "unsupported-media-type"],
  ["text/plain", "unsupported-media-type"],
  ["application/x-www-form-urlencoded", "unsupported-media-type"],
  ["__proto__", "unsupported-media-type"],
];
test.each(TYPES)("the content type %j is %s", (type, expected) => {
  let got: string;
  try {
    got = bodyFormat(type);
  } catch (error) {
    got = (error as Refusal).code;
  }
  expect(got).toBe(expected);
});

test("a patch of an unknown type is refused", () => {
  expect(codeOf(() => decode("PATCH", `${POD}/p`, "application/json", "{}"))).toBe("unsupported-media-type");
});

test("kind: List is refused in every format", () => {
  expect(codeOf(() => decode("POST", POD, "", '{"kind":"List","items":[]}'))).toBe("malformed-body");
  expect(codeOf(() => decode("PATCH", `${POD}/p`, "application/apply-patch+yaml", "kind: List\n"))).toBe(
    "malformed-body",
  );
});

test("dry-run delete [M]: a body alone says whether a delete is a dry run", () => {
  expect(decode("DELETE", `${POD}/p?dryRun=All`, "", "{}").dryRun).toBe(false);
  expect(decode("DELETE", `${POD}/p`, "", '{"dryRun":["All"],"gracePeriodSeconds":0}')).toMatchObject({
    dryRun: true,
    options: { gracePeriodSeconds: 0 },
  });
  expect(decode("DELETE", `${POD}/p?dryRun=All&gracePeriodSeconds=0&uid=x`, "", "")).toMatchObject({
    dryRun: true,
    options: { dryRun: ["All"], gracePeriodSeconds: 0, preconditions: { uid: "x" } },
  });
});

test("the body of a delete is DeleteOptions and nothing else", () => {
  expect(codeOf(() => decode("DELETE", `${POD}/p`, "", '{"kind":"Pod"}'))).toBe("malformed-body");
});

test("a body over the limit is refused before it is read", () => {
  expect(codeOf(() => decode("POST", POD, "text/plain", new Uint8Array(LIMITS.bodyBytes + 1)))).toBe("body-too-large");
});

test("the body of a GET goes nowhere", () => {
  expect(decode("GET", POD, "text/plain", "x").forwardBytes).toHaveLength(0);
});

test("a server-side apply in YAML goes upstream as the JSON that was judged, under its own type", () => {
  const body = decode("PATCH", `${POD}/p`, "application/apply-patch+yaml", 'spec: {hostNetwork: on, x: "a\\u2028"}\n');
  expect(forwarded(body)).toBe('{"spec":{"hostNetwork":true,"x":"a\\u2028"}}');
  expect(body.forwardContentType).toBe("application/apply-patch+yaml");
});
