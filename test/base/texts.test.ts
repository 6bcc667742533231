import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../base/canonical-json.ts";
import { rfc3339 } from "../../base/clock.ts";
import { hmac, sameSecret, sha256 } from "../../base/digest.ts";
import { Refusal, toRefusal } from "../../base/errors.ts";
import { createLog, redact } from "../../base/log.ts";
import { isUuid, uuid7 } from "../../base/uuid7.ts";

describe("canonical JSON (RFC 8785)", () => {
  const cases: [what: string, value: unknown, text: string][] = [
    [
      "sorts keys by UTF-16 code units",
      { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u0080": 5, "😀": 6, ö: 7 },
      '{"\\r":2,"1":4,"\u0080":5,"ö":7,"€":1,"😀":6,"\ufb33":3}',
    ],
    ["writes numbers as ECMAScript does", [1e21, 1 / 3, 0.002, 1e-27, -0], "[1e+21,0.3333333333333333,0.002,1e-27,0]"],
    ["keeps the order of lists", [3, 1, 2], "[3,1,2]"],
    ["leaves out undefined members", { a: undefined, b: 1 }, '{"b":1}'],
  ];
  test.each(cases)("%s", (_what, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test("is the same for the same value, whatever the order of its keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 200 },
    );
  });

  test.each([undefined, Number.NaN, Number.POSITIVE_INFINITY])(
    "has no form for %s: a digest of almost this value would bind an approval to something else",
    (value) => {
      expect(() => canonicalJson(value)).toThrow();
      if (value !== undefined) expect(() => canonicalJson({ a: value })).toThrow();
    },
  );
});

describe("a log", () => {
  const token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
  const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----";
  const logged = (message: string, fields: Record<string, unknown>): string => {
    const lines: string[] = [];
    createLog((line) => lines.push(line)).info(message, fields);
    return lines.join("");
  };
  const secrets: [what: string, fields: Record<string, unknown>, secret: string][] = [
    ["a field named authorization", { authorization: "Basic aHVudGVyMg==" }, "aHVudGVyMg"],
    ["a nested field named token", { a: { idToken: "opaque-hunter2" } }, "hunter2"],
    ["a list under a secret name", { passwords: ["hunter2"] }, "hunter2"],
    ["a JWT in a text", { error: `bad token ${token} given` }, "eyJzdWIiOiJhIn0"],
    ["a bearer in a text", { header: "Bearer hunter2-opaque" }, "hunter2"],
    ["a private key in a text", { text: `key: ${pem}` }, "MHcCAQEE"],
    ["a private key that is cut off", { text: pem.slice(0, 45) }, "MHcC"],
    ["a JWT in an error's message", { error: new Error(`bad ${token}`) }, "c2lnbmF0dXJl"],
    ["a JWT in an error's cause", { error: new Error("x", { cause: new Error(`bad ${token}`) }) }, "c2lnbmF0dXJl"],
    ["bytes", { body: Buffer.from("hunter2") }, "hunter2"],
  ];
  test.each(secrets)("leaves out %s", (_what, fields, secret) => {
    expect(logged("message", fields)).not.toContain(secret);
  });

  test("leaves out a token in its message", () => {
    expect(logged(`got ${token}`, {})).toContain('"message":"got [redacted]"');
  });

  test("is one line of JSON, whatever is put into it", () => {
    const line = logged("two\nlines", { reason: "a\nb", n: 1 });
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toMatchObject({ level: "info", message: "two\nlines", reason: "a\nb", n: 1 });
  });

  test("keeps what is below its level to itself", () => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line), "warn");
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["c", "d"]);
  });

  test("survives what refers to itself", () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(logged("m", loop)).toContain('"message":"m"');
  });

  test("leaves ordinary text alone", () => {
    expect(redact("pods/web-1 of namespace a, revision 3f9c/12ab")).toBe(
      "pods/web-1 of namespace a, revision 3f9c/12ab",
    );
  });
});

describe("a UUIDv7 (RFC 9562 §5.7)", () => {
  test("has its version, its variant and its time", () => {
    const id = uuid7(0x017f22e279b0);
    expect(id).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(isUuid(id)).toBe(true);
  });

  test("sorts by time", () => {
    const ids = [3, 1, 2].map((n) => uuid7(1_700_000_000_000 + n));
    expect([...ids].sort()).toEqual([ids[1], ids[2], ids[0]]);
  });

  test("is never the same twice", () => {
    expect(new Set(Array.from({ length: 20_000 }, () => uuid7(1))).size).toBe(20_000);
  });

  test.each(["", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n", "x"])(
    "is not %j",
    (text) => {
      expect(isUuid(text)).toBe(false);
    },
  );
});

describe("digests", () => {
  test("of one key for two purposes differ", () => {
    const key = Buffer.from("k");
    expect(hmac(key, "digest", "a")).not.toBe(hmac(key, "change", "a"));
    expect(hmac(key, "a", "b")).toMatch(/^[0-9a-f]{64}$/);
  });

  test("SHA-256 is that of FIPS 180-4", () => {
    expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  test("secrets are compared whole", () => {
    expect([sameSecret("a", "a"), sameSecret("a", "ab"), sameSecret("", "")]).toEqual([true, false, true]);
  });
});

test("times are RFC 3339 in UTC with milliseconds, so that string order is time order", () => {
  expect(rfc3339(0)).toBe("1970-01-01T00:00:00.000Z");
});

describe("anything unexpected is a refusal", () => {
  test("that says nothing of what went wrong underneath", () => {
    const refusal = toRefusal(new Error("password hunter2"));
    expect(refusal).toMatchObject({ code: "internal", status: 500 });
    expect(`${refusal.message}${refusal.details.next}`).not.toContain("hunter2");
  });

  test("and a refusal stays what it is", () => {
    const refusal = new Refusal("policy-denied", "no");
    expect(toRefusal(refusal)).toBe(refusal);
  });
});
