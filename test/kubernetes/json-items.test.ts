import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { HOLDS } from "../../base/json-holds.ts";
import { JsonItems, type Piece } from "../../kubernetes/json-items.ts";

/** Pushes the text in chunks of `size` bytes and takes together what comes out. */
function split(
  text: string | Buffer,
  size = text.length,
  limits = {},
): { items: string[]; joined: string; pieces: Piece[] } {
  const bytes = Buffer.from(text);
  const splitter = new JsonItems(limits);
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(...splitter.push(bytes.subarray(at, at + size)));
  pieces.push(...splitter.end());
  return {
    items: pieces.filter(({ kind }) => kind === "item").map(({ bytes: item }) => item.toString("utf8")),
    joined: Buffer.concat(pieces.map((piece) => piece.bytes)).toString("utf8"),
    pieces,
  };
}

const refusalOf = (text: string | Buffer, size?: number, limits?: object): unknown => {
  try {
    split(text, size, limits);
  } catch (error) {
    return error;
  }
  return undefined;
};

const LISTS: [title: string, text: string, items: string[]][] = [
  [
    "a list as the API server writes it",
    '{"kind":"L","apiVersion":"v1","metadata":{"a":"b"},"items":[{"a":1},{"b":2}]}\n',
    ['{"a":1}', '{"b":2}'],
  ],
  [
    "items before metadata, as custom resources have them",
    '{"apiVersion":"v1","items":[{"a":1}],"kind":"L","metadata":{}}',
    ['{"a":1}'],
  ],
  ["the rows of a Table", '{"kind":"Table","rows":[{"cells":["]"]}]}', ['{"cells":["]"]}']],
  ["a key that is spelled with escapes", '{"\\u0069te\\u006ds":[{"a":1}]}', ['{"a":1}']],
  [
    "items deeper down, and the list's own after them",
    '{"metadata":{"items":[9]},"items":[{"items":[1]}]}',
    ['{"items":[1]}'],
  ],
  [
    "strings that look like structure",
    '{"items":[{"a":"}],\\"{["},{"b\\\\":"\\\\"}]}',
    ['{"a":"}],\\"{["}', '{"b\\\\":"\\\\"}'],
  ],
  ["spaces everywhere", ' { "items" : [ {} , { "a" : [ ] } ] , "x" : null } ', ["{}", '{ "a" : [ ] }']],
  [
    "items of every type",
    '{"items":[1,-0.5e+3,"a",true,false,null,[],{}]}',
    ["1", "-0.5e+3", '"a"', "true", "false", "null", "[]", "{}"],
  ],
  ["no items", '{"items":[]}', []],
  ["items that are null", '{"kind":"L","items":null}', []],
  ["items that are an object", '{"items":{"items":[1]}}', []],
  ["an array at the root", '[{"items":[1]}]', []],
  ["a scalar", "12", []],
  ["text beyond ASCII", '{"items":[{"é":"😀\u2028"}]}', ['{"é":"😀\u2028"}']],
];

describe("a list is split at its items", () => {
  test.each(LISTS)("%s, whatever the chunks", (_title, text, items) => {
    for (let size = 1; size <= Buffer.byteLength(text); size++) {
      const got = split(text, size);
      expect(got.joined).toBe(text);
      expect(got.items).toEqual(items);
    }
  });

  test("what is around the items comes whole, before the first and after the last", () => {
    const { pieces } = split('{"kind":"L","items":[{"a":1},{"b":2}],"metadata":{}}', 3);
    expect(pieces[0]).toMatchObject({ kind: "before" });
    expect(String(pieces[0]?.bytes)).toBe('{"kind":"L","items":[');
    expect(pieces.at(-1)?.kind).toBe("after");
    expect(String(pieces.at(-1)?.bytes)).toBe('],"metadata":{}}');
  });

  test("an item that is whole in its chunk is a view of it, and none is kept", () => {
    const chunk = Buffer.from('{"items":[{"a":1},');
    const splitter = new JsonItems();
    expect(splitter.push(chunk).map(({ kind, bytes }) => [kind, bytes.buffer === chunk.buffer])).toEqual([
      ["before", true],
      ["item", true],
      ["between", true],
    ]);
  });
});

const MALFORMED: [title: string, text: string | Buffer][] = [
  ["nothing", ""],
  ["a byte order mark", "\ufeff{}"],
  ["items twice", '{"items":[1],"items":[2]}'],
  ["items twice, one with escapes", '{"items":[1],"item\\u0073":[2]}'],
  ["items that are null and then a list", '{"items":null,"items":[2]}'],
  ["another key twice", '{"kind":"A","kind":"B","items":[]}'],
  ["items and rows", '{"items":[1],"rows":[2]}'],
  ["more after its end", "{}{}"],
  ["a word after its end", '{"items":[]} x'],
  ["an end that is missing", '{"items":[{"a":1}'],
  ["an item that is cut", '{"items":[{"a":"'],
  ["a bracket of the wrong kind", '{"items":[{"a":1]]}'],
  ["a comma before the end", '{"items":[1,]}'],
  ["a comma before the end of an object", '{"items":[{"a":1,}]}'],
  ["no comma", '{"items":[{}{}]}'],
  ["no colon", '{"items" [1]}'],
  ["a key that is no string", "{items:[1]}"],
  ["a number with a leading zero", '{"items":[01]}'],
  ["a number that ends in a point", '{"items":[1.]}'],
  ["a number that is none", '{"items":[NaN]}'],
  ["a word cut short", '{"items":[tru]}'],
  ["a word that goes on", '{"items":[nulll]}'],
  ["an escape that there is not", '{"items":["\\x41"]}'],
  ["a short unicode escape", '{"items":["\\u00g0"]}'],
  ["a control character in a string", '{"items":["a\nb"]}'],
  ["a byte that is no text between items", Buffer.from([0x7b, 0xff, 0x7d])],
  ["a comment", '{"items":[1/*2*/]}'],
  ["a string in single quotes", "{'items':[1]}"],
];

describe("what is no JSON is refused", () => {
  test.each(MALFORMED)("%s, whatever the chunks", (_title, text) => {
    for (const size of [1, 2, 3, 1000]) {
      const refusal = refusalOf(text, size);
      expect(refusal).toBeInstanceOf(Refusal);
      expect((refusal as Refusal).code).toBe("unmaskable");
    }
  });

  test.each([
    ["an item over its limit", `{"items":["${"x".repeat(200)}"]}`],
    ["an envelope over its limit, before the items", `{"a":"${"x".repeat(200)}","items":[]}`],
    ["an envelope over its limit, after the items", `{"items":[],"a":"${"x".repeat(200)}"}`],
  ])("%s", (_title, text) => {
    for (const size of [1, 7, 1000]) {
      expect(refusalOf(text, size, { item: 100, envelope: 100 })).toMatchObject({ code: "unmaskable" });
    }
  });

  test("nesting deeper than a thousand levels, and a thousand is not", () => {
    expect(refusalOf("[".repeat(1001))).toMatchObject({ message: expect.stringContaining("nested deeper") });
    expect(refusalOf("[".repeat(1000) + "]".repeat(1000))).toBeUndefined();
  });

  test("a key of the root over 256 bytes", () => {
    expect(refusalOf(`{"${"k".repeat(300)}":1}`, 5)).toMatchObject({ code: "unmaskable" });
  });
});

describe("an item says what its strings hold", () => {
  const WORDS = new Set(["db-password", "Status"]);
  const holdsOf = (item: string, size: number): number => {
    const pieces = split(`{"items":[{"a":"b"},${item}]}`, size, { words: WORDS }).pieces;
    return pieces.filter(({ kind }) => kind === "item").at(-1)?.holds ?? -1;
  };

  test.each([
    ["a word that was asked for as a key", '{"data":{"db-password":"x"}}', HOLDS.word],
    ["one as a value", '{"kind":"Status"}', HOLDS.word],
    ["a character as an escape", '{"db-p\\u0061ssword":1}', HOLDS.unicodeEscape],
    ["an escaped slash", '{"a\\/b":1}', HOLDS.slashEscape],
    ["an escaped backslash", '{"a":"\\n\\\\"}', HOLDS.backslash],
    ["an object in a string that was packed", '{"a":"H4sIAAAA"}', HOLDS.object],
    ["an object in a string", '{"a":"{\\"db-password\\":1}"}', HOLDS.object],
  ])("%s, whatever the chunks", (_title, item, bit) => {
    for (let size = 1; size <= 64; size++) expect(holdsOf(item, size) & bit).toBe(bit);
  });

  test.each(['{"a":"b"}', '{"password":"Statu\\n"}', '{"a":["db-passwor",{"b":"a {"}],"c":"db-password "}'])(
    "%s holds nothing that is told",
    (item) => {
      expect(holdsOf(item, 1000)).toBe(0);
    },
  );
});

test("a text of which only is asked whether it is JSON is not kept, however long", () => {
  const long = JSON.stringify({ type: "ADDED", object: { a: "x".repeat(3_000_000) } });
  const { pieces } = split(long, 70_000, { discard: true });
  expect(pieces.map(({ kind, bytes }) => [kind, bytes.length])).toEqual([["after", 0]]);
  expect(refusalOf(`${long}}`, 70_000, { discard: true })).toBeInstanceOf(Refusal);
});
