import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { isRawNumber } from "../../base/lossless-json.ts";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { decodeCbor, encodeCbor } from "../../kubernetes/body/cbor.ts";
import { bodyFormat, isCborPatch, patchTypeOf } from "../../kubernetes/body/content-type.ts";
import { decodeBody } from "../../kubernetes/body/decode.ts";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const codeOf = (hex: string): unknown => {
  try {
    return decodeCbor(bytes(hex));
  } catch (error) {
    return error instanceof Refusal ? error.code : error;
  }
};

const READ: [title: string, hex: string, value: unknown][] = [
  ["self-described CBOR is what it encloses", "d9d9f7 a0", {}],
  ["a byte string is a string, also as a key", "a1 4161 4162", { a: "b" }],
  ["a text string is a string", "a1 6161 6162", { a: "b" }],
  ["bytes that are tagged for base64 are base64, as JSON has a []byte", "a1 4161 d6 43010203", { a: "AQID" }],
  ["a byte order mark is kept", "63efbbbf", "\ufeff"],
  ["an integer in more bytes than it needs is that integer", "1b0000000000000001", 1],
  ["a negative integer", "39 01f3", -500],
  ["half, single and double floats", "83 f93e00 fa3fc00000 fb3ff8000000000000", [1.5, 1.5, 1.5]],
  ["true, false and null", "83 f5 f4 f6", [true, false, null]],
  ["a key named __proto__ is a key", "a1 495f5f70726f746f5f5f 01", JSON.parse('{"__proto__":1}')],
];
test.each(READ)("%s", (_title, hex, value) => {
  expect(decodeCbor(bytes(hex))).toEqual(value);
});

test.each([
  ["1b7fffffffffffffff", "9223372036854775807"],
  ["3b7fffffffffffffff", "-9223372036854775808"],
])("the int64 %s is kept exactly, in and out", (hex, text) => {
  const value = decodeCbor(bytes(hex));
  expect(isRawNumber(value) && value.rawJSON).toBe(text);
  expect(Buffer.from(encodeCbor(value)).toString("hex")).toBe(`d9d9f7${hex}`);
});

const REFUSED: [title: string, hex: string][] = [
  ["nothing", ""],
  ["self-described nothing", "d9d9f7"],
  ["two items", "a0a0"],
  ["a duplicate key", "a2 4161 01 4161 02"],
  ["a duplicate key, as bytes and as text", "a2 4161 01 6161 02"],
  ["a key that is no string", "a1 01 01"],
  ["an integer above int64", "1b8000000000000000"],
  ["an integer below int64", "3b8000000000000000"],
  ["a bignum", "c2 4101"],
  ["NaN", "f97e00"],
  ["infinity", "f97c00"],
  ["undefined", "f7"],
  ["a simple value", "f820"],
  ["a text string that is no UTF-8", "61ff"],
  ["a byte string that is no UTF-8", "41ff"],
  ["a key that is no UTF-8", "a1 41ff 01"],
  ["an array of indefinite length", "9f01ff"],
  ["a break in the place of a value", "a1 4161 ff"],
  ["a string of indefinite length", "5f4161ff"],
  ["a tag for base64url", "d5 4101"],
  ["a tag for base64 on a number", "d6 01"],
  ["a tag for base64 on a tag", "d6 d6 4101"],
  ["a tag for base64 on a key", "a1 d6 4101 01"],
  ["a tag for base64 on a second key", "a2 4161 a0 d6 4101 01"],
  ["self-described CBOR inside", "81 d9d9f7 a0"],
  ["a time", "c0 54323031332d30332d32315432303a30343a30305a"],
  ["a cut string", "44616263"],
  ["an array with fewer items than it says", "9b7fffffffffffffff01"],
  ["a string of 2^63 bytes", "5b7fffffffffffffff"],
  ["nesting over 200", `${"81".repeat(201)}f6`],
  ["nesting of three million", `${"81".repeat(3_000_000)}f6`],
];
describe("refused, since readers differ or JSON cannot say it:", () => {
  test.each(REFUSED)("%s", (_title, hex) => {
    expect(codeOf(hex)).toBe("malformed-body");
  });
});

test("what is written is what the API server writes: self-described, byte strings, keys sorted, shortest numbers", () => {
  const written = encodeCbor({ bb: 1.5, c: [24, -1], a: "x", none: undefined });
  expect(Buffer.from(written).toString("hex")).toBe("d9d9f7a34161417841638218182042626 2f93e00".replaceAll(" ", ""));
});

const LIMITS = { bodyBytes: 1024 };
test("a body in CBOR goes upstream as the JSON that was judged", () => {
  const attributes = requestAttributes("POST", "/api/v1/namespaces/a/pods", { "content-type": "application/cbor" });
  const body = decodeBody(attributes, "application/cbor", encodeCbor({ kind: "Pod" }), LIMITS);
  expect(body).toMatchObject({ object: { kind: "Pod" }, forwardContentType: "application/json" });
  expect(Buffer.from(body.forwardBytes).toString()).toBe('{"kind":"Pod"}');
});

test("an apply patch in CBOR is an apply patch, and goes upstream as YAML that is JSON", () => {
  const type = "application/apply-patch+cbor";
  expect([patchTypeOf(type), isCborPatch(`${type};x=y`), isCborPatch("application/apply-patch+yaml")]).toEqual([
    "apply",
    true,
    false,
  ]);
  const attributes = requestAttributes("PATCH", "/api/v1/namespaces/a/pods/a", { "content-type": type });
  const body = decodeBody(attributes, type, encodeCbor({ kind: "Pod" }), LIMITS);
  expect(body).toMatchObject({
    patch: { type: "apply", fragment: { kind: "Pod" } },
    forwardContentType: "application/apply-patch+yaml",
  });
  expect(Buffer.from(body.forwardBytes).toString()).toBe('{"kind":"Pod"}');
});

test("the media type of CBOR has one spelling", () => {
  expect(bodyFormat("application/cbor")).toBe("cbor");
  expect(() => bodyFormat("application/cbor-seq")).toThrow(Refusal);
});
