import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseLossless } from "../../base/lossless-json.ts";
import { parseStrictJson } from "../../kubernetes/body/json.ts";

const ESCAPED = ["hostPat\\u0068", "\\n", "\\u0061", 'k:{\\"name\\":\\"c\\"}', "__prot\\u006f__", "\\u0031"];
const rawKey = fc.oneof(
  fc.constantFrom(...ESCAPED, "hostPat\\\\", "\\\\", "k:{\\\\", "hostPath", "a", "b", "1"),
  fc.string({ maxLength: 4 }).map((text) => JSON.stringify(text).slice(1, -1)),
);
const decoded = (raw: string): string => JSON.parse(`"${raw}"`) as string;

describe("nodejs/node#63785: JSON.parse of V8 reads an escaped key as one of an object before it", () => {
  test.each(ESCAPED)("the key %s is read as itself after any other object", (raw) => {
    const key = decoded(raw);
    for (let length = 1; length <= raw.length; length++) {
      parseLossless(`{"name":1,${JSON.stringify(raw.slice(0, length))}:{}}`);
      expect(Object.keys(parseLossless(`{"name":1,"${raw}":{}}`) as object).sort()).toEqual(["name", key].sort());
    }
  });

  test("a body cannot hide hostPath behind a key that another body had", () => {
    parseStrictJson('{"name":"x","hostPat\\\\":{}}');
    expect(parseStrictJson('{"name":"x","hostPat\\u0068":{}}')).toEqual({ name: "x", hostPath: {} });
  });

  test("any keys in any spelling are read as what they spell, with their values", () => {
    fc.assert(
      fc.property(fc.array(rawKey, { minLength: 1, maxLength: 4 }), fc.json(), (raws, value) => {
        const text = `[{${raws.map((raw, i) => `"${raw}" :${i === 0 ? value : i}`).join(", ")}}]`;
        const expected = new Map(raws.map((raw, i) => [decoded(raw), i]));
        const [read] = parseLossless(text) as [Record<string, unknown>];
        expect(new Set(Object.keys(read))).toEqual(new Set(expected.keys()));
        for (const [key, i] of expected) if (i > 0) expect(Object.getOwnPropertyDescriptor(read, key)?.value).toBe(i);
      }),
      { numRuns: 3000 },
    );
  });

  test("thousands of escaped keys are refused, and ten thousand of one key are read", () => {
    const many = Array.from({ length: 10_001 }, (_, i) => `"b${i}\\\\":1`).join(",");
    expect(() => parseLossless(`{${many}}`)).toThrow(SyntaxError);
    const list = Array.from({ length: 10_001 }, () => '{"b\\\\":1}').join(",");
    expect(parseLossless(`[${list}]`)).toHaveLength(10_001);
  });
});

describe("integers beyond 2^53", () => {
  /** As V8 reads a text with the source of each number at hand: slow, and right. */
  function reference(text: string): unknown {
    type Reviver = (key: string, value: unknown, context: { source: string }) => unknown;
    const { parse, rawJSON } = JSON as unknown as {
      parse(text: string, keep: Reviver): unknown;
      rawJSON(s: string): object;
    };
    return parse(text, (_key, value, { source }) => {
      if (typeof value !== "number") return value;
      if (!Number.isFinite(value)) throw new SyntaxError("out of range");
      return Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
        ? rawJSON(source)
        : value;
    });
  }
  const outcome = (read: (text: string) => unknown, text: string): string => {
    try {
      return JSON.stringify(read(text));
    } catch (error) {
      return (error as Error).name;
    }
  };
  const piece = fc.constantFrom(
    ...[
      '"',
      "\\",
      ",",
      ":",
      "[",
      "]",
      "{",
      "}",
      " ",
      "-",
      "+",
      "0",
      ".",
      "e",
      "E300",
      "e400",
      '"a":',
      '"9007199254740993"',
    ],
    ...["9007199254740993", "-12345678901234567890", "1234567890123456.0", "1", "null", '"b"', "[[", "]]", '{"c":'],
  );

  test("they are kept exactly wherever they stand, and what is no JSON stays none", () => {
    const valid = fc
      .json()
      .map((text) => text.replace(/\d+/g, (digits, at) => (at % 2 === 0 ? digits : `1${digits}9007199254740993`)));
    const any = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(
        fc.oneof(
          valid,
          any,
          any.map((text) => `[9007199254740993,${text}]`),
        ),
        (text) => {
          expect(outcome(parseLossless, text)).toBe(outcome(reference, text));
        },
      ),
      { numRuns: 5000 },
    );
  });

  test.each(["{9007199254740993:1}", "[09007199254740993]", "[+9007199254740993]", '["a"9007199254740993]', "[1e400]"])(
    "%s is no JSON, and is not taken for any",
    (text) => {
      expect(() => parseLossless(text)).toThrow(SyntaxError);
    },
  );
});
