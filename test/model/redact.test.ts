import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { KnownValues } from "../../engine/mask/known-values.ts";
import { PLACEHOLDER } from "../../engine/mask/placeholder.ts";
import { borderTexts } from "../../proxy/model/prompt-borders.ts";
import { promptStrings } from "../../proxy/model/prompt-strings.ts";
import { redactPrompt } from "../../proxy/model/redact-prompt.ts";
import { SHOWN, VALUE, WRITES } from "./redact-tools.ts";

/** At how many places a value is split; the rest of a run of all tests. */
const BORDERS = process.env.SALLYPORT_TEST_ALL === "1" ? 64 : 5;
const ORIGIN = { path: "shop/db:data.password", fingerprint: "f1" };

function knowing(...values: string[]): KnownValues[] {
  const known = new KnownValues();
  for (const value of values) known.add(value, ORIGIN);
  return [known];
}

const base64 = (value: string | Buffer): string => Buffer.from(value as string).toString("base64");
const hex = (value: string): string => Buffer.from(value).toString("hex");
const packed = (value: string): string => base64(gzipSync(`a file with ${value} in it`));
const halves = (text: string): [string, string] => [text.slice(0, text.length >> 1), text.slice(text.length >> 1)];
const user = (...content: unknown[]): object => ({ role: "user", content });
const words = (text: string): object => ({ type: "text", text });
const result = (content: unknown, id = "toolu_1"): object => ({ type: "tool_result", tool_use_id: id, content });
const call = (input: object, id = "toolu_1"): object => ({
  role: "assistant",
  content: [{ type: "tool_use", id, name: "Bash", input }],
});
const ask = (...messages: object[]): object => ({ model: "claude", max_tokens: 9, messages });
const said = (text: string): object => ask(user(words(text)));
const calls = (...texts: string[]): object =>
  ask(...texts.flatMap((text, i) => [call({ command: "cat f" }, `t${i}`), user(result(text, `t${i}`))]));

async function redact(body: object | string, known: readonly KnownValues[] = knowing(VALUE), saidBefore?: string[]) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const said = (one: string): boolean => saidBefore?.includes(one) === true;
  const { body: clean, redactions } = await redactPrompt(Buffer.from(text), known, { said });
  return { text: clean.toString("utf8"), json: JSON.parse(clean.toString("utf8")), redactions };
}

const NESTED = [1, 2, 3, 4].map((depth): [string, string] => {
  let text = VALUE;
  for (let i = 0; i < depth; i++) text = JSON.stringify({ a: text });
  return [`in JSON inside of ${depth} strings`, text];
});
const PADDED = base64(`${"some padding ".repeat(9)}${VALUE}${" some padding".repeat(9)}`);

/** How a value may be written in a text. */
const WRITTEN: [way: string, written: string][] = [
  ["in clear", VALUE],
  ["in base64", base64(VALUE)],
  ["in base64 of a longer text, one byte in", base64(`x${VALUE}yz`)],
  ["in base64 of a longer text, two bytes in", base64(`xx${VALUE}yz`)],
  ["in base64url", Buffer.from(`>>>???${VALUE}`).toString("base64url")],
  ["in base64 of base64", base64(base64(VALUE))],
  ["in base64 in lines of 60", PADDED.replace(/.{60}/g, "$&\n")],
  ["in base64 of JSON", base64(JSON.stringify({ password: VALUE }))],
  ["in hex", hex(VALUE)],
  ["in hex, in capitals", hex(VALUE).toUpperCase()],
  ["in hex of base64", hex(base64(VALUE))],
  ["in hex in lines of 60", hex(VALUE.repeat(3)).replace(/.{60}/g, "$&\n")],
  ["percent-encoded", encodeURIComponent(VALUE)],
  [
    "percent-encoded to the last letter",
    Buffer.from(VALUE).reduce((text, byte) => `${text}%${byte.toString(16).padStart(2, "0")}`, ""),
  ],
  ["as a program prints bytes", Buffer.from(VALUE).reduce((text, byte) => `${text}\\x${byte.toString(16)}`, "")],
  ...NESTED,
  ["compressed by gzip", packed(VALUE)],
  ["compressed by gzip, behind other letters", `data${packed(VALUE)}`],
  ["compressed by gzip, and cut off", packed(`${VALUE}${"other words ".repeat(9)}`).slice(0, -12)],
  ["compressed by zlib", base64(deflateSync(`a file with ${VALUE} in it`))],
  ["compressed by zstd", base64(zstdCompressSync(Buffer.from(`a file with ${VALUE} in it`)))],
  ["compressed twice", base64(gzipSync(`in it: ${packed(VALUE)}`))],
  ...SHOWN,
  ...WRITES.map(([way, write]): [string, string] => [way, write(VALUE)]),
];

describe("a value that is known is taken out of", () => {
  test.for(WRITTEN)("a text %s, and the words around it stay", async ([, written]) => {
    const { json, redactions } = await redact(said(`before ${written} behind`));
    const { text } = json.messages[0].content[0];
    expect(text).toContain(PLACEHOLDER);
    expect(text).toMatch(/^before .* behind$/s);
    expect(text).not.toContain(written.slice(4, -4));
    expect(redactions).toMatchObject({ count: 1, maskedFields: [ORIGIN.path], fingerprints: { [ORIGIN.path]: "f1" } });
  });

  test.for(WRITTEN)("two results that follow each other %s, at any border", async ([, written]) => {
    for (let at = 1; at < written.length; at += Math.max(1, Math.floor(written.length / BORDERS))) {
      const { json, redactions } = await redact(calls(`before ${written.slice(0, at)}`, `${written.slice(at)} behind`));
      const texts = [json.messages[1].content[0].content, json.messages[3].content[0].content];
      // A piece that stands by itself in its half was found there.
      expect(redactions.count, `${at}`).toBeGreaterThan(0);
      expect(texts.join(""), `${at}`).toContain(PLACEHOLDER);
      expect(texts.join(""), `${at}`).not.toContain(written.slice(4, -4));
    }
  });

  test.for<[string, object]>([
    ["the system prompt", { ...ask(), system: VALUE }],
    ["blocks of the system prompt", { ...ask(), system: [words(`a ${VALUE}`)] }],
    ["a message that is one string", ask({ role: "user", content: VALUE })],
    ["a tool's result in blocks", ask(user(result([words(`a ${VALUE}`)])))],
    ["what a tool was called with", ask(call({ command: `echo ${VALUE}`, more: [{ deep: VALUE }] }))],
    ["a key of what a tool was called with", ask(call({ [VALUE]: 1 }))],
    ["a document", ask(user({ type: "document", source: { type: "text", media_type: "text/plain", data: VALUE } }))],
    ["a document's title", ask(user({ type: "document", title: VALUE, source: { type: "text", data: "x" } }))],
    ["metadata", { ...ask(), metadata: { user_id: VALUE } }],
    ["a tool's description", { ...ask(), tools: [{ name: "a", description: VALUE, input_schema: {} }] }],
    ["a field that nobody knows yet", { ...ask(), new_field: { x: [VALUE] } }],
    ["OpenAI's messages", { model: "m", messages: [{ role: "tool", tool_call_id: "c", content: VALUE }] }],
    [
      "the arguments of OpenAI's tool calls",
      {
        model: "m",
        messages: [
          {
            role: "assistant",
            tool_calls: [{ id: "c", function: { name: "f", arguments: JSON.stringify({ a: VALUE }) } }],
          },
        ],
      },
    ],
    [
      "the output of OpenAI's calls",
      { model: "m", input: [{ type: "function_call_output", call_id: "c", output: VALUE }] },
    ],
    ["OpenAI's instructions", { model: "m", instructions: VALUE, input: VALUE }],
  ])("%s", async ([, body]) => {
    const { text, redactions } = await redact(body);
    expect(redactions.count).toBeGreaterThan(0);
    expect(text).not.toContain(JSON.stringify(VALUE).slice(1, -1));
    expect(text).toBe(
      JSON.stringify(body)
        .replaceAll(JSON.stringify(VALUE).slice(1, -1), PLACEHOLDER)
        .replaceAll(JSON.stringify(JSON.stringify(VALUE).slice(1, -1)).slice(1, -1), PLACEHOLDER),
    );
  });

  test.for<[string, (text: string) => string]>([
    ["in \\u escapes", (text) => text.replace(/[a-z]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)],
    ["with its slashes escaped", (text) => text.replaceAll("/", "\\/")],
  ])("a body that writes it %s", async ([, write]) => {
    const written = write(JSON.stringify(VALUE));
    const { json } = await redact(`{"model":"m","messages":[{"role":"user","content":${written}}]}`);
    expect(json.messages[0].content).toBe(PLACEHOLDER);
  });

  test("two blocks next to each other, and three, at every border", async () => {
    for (let at = 1; at < VALUE.length; at++) {
      const [left, right] = [VALUE.slice(0, at), VALUE.slice(at)];
      const two = await redact(ask(user(words(`a ${left}`), words(`${right} b`))));
      expect(two.json.messages[0].content.map(({ text }: { text: string }) => text)).toEqual([
        `a ${PLACEHOLDER}`,
        `${PLACEHOLDER} b`,
      ]);
      expect(two.redactions.count).toBe(1);
      const [middle, last] = halves(right);
      if (middle === "") continue;
      const three = await redact(ask(user(words(`a ${left}`), words(middle), words(`${last} b`))));
      expect(three.json.messages[0].content.map(({ text }: { text: string }) => text)).toEqual([
        `a ${PLACEHOLDER}`,
        PLACEHOLDER,
        `${PLACEHOLDER} b`,
      ]);
    }
  });

  test("two results whose programs ended their lines", async () => {
    const [left, right] = halves(VALUE);
    const { json } = await redact(calls(`${left}\n`, `\r\n  ${right}\n`));
    expect(json.messages[1].content[0].content).toBe(`${PLACEHOLDER}\n`);
    expect(json.messages[3].content[0].content).toBe(`\r\n  ${PLACEHOLDER}\n`);
  });

  test("two inputs of a tool around a result", async () => {
    const [left, right] = halves(VALUE);
    const { json } = await redact(
      ask(call({ command: `a ${left}` }), user(result("done")), call({ command: `${right} b` })),
    );
    expect(json.messages[0].content[0].input.command).toBe(`a ${PLACEHOLDER}`);
    expect(json.messages[2].content[0].input.command).toBe(`${PLACEHOLDER} b`);
  });

  test("hundreds of blocks, one letter in each, wherever it begins", async () => {
    for (const at of [0, 300, 16_370, 16_384, 16_640, 33_000]) {
      const letters = [..."x".repeat(at), ...VALUE, ..."y".repeat(300)];
      const { text, redactions } = await redact(ask(call({ a: letters })));
      const expected = [..."x".repeat(at), ...Array<string>([...VALUE].length).fill(PLACEHOLDER), ..."y".repeat(300)];
      expect(text, `${at}`).toBe(JSON.stringify(ask(call({ a: expected }))));
      expect(redactions.count, `${at}`).toBe(1);
    }
  });

  test("two blocks with others between them that hold nothing but white space", async () => {
    const [left, right] = halves(VALUE);
    const { json } = await redact(ask(user(words(left), words(""), words(" \n"), words(right))));
    expect(json.messages[0].content.map(({ text }: { text: string }) => text)).toEqual([
      PLACEHOLDER,
      "",
      " \n",
      PLACEHOLDER,
    ]);
  });

  test("a text of a megabyte, wherever it stands", async () => {
    const filler = "some words that say nothing\n".repeat(40_000);
    for (const at of [0, 262_140, 524_280, 700_001, filler.length]) {
      const { json } = await redact(said(filler.slice(0, at) + VALUE + filler.slice(at)));
      expect(json.messages[0].content[0].text).toBe(filler.slice(0, at) + PLACEHOLDER + filler.slice(at));
    }
  });
});

const QUOTED = `it's a "long" one & so on`;
test.for<[string, string]>([
  ["in a shell's quotes", `'${QUOTED.replaceAll("'", "'\\''")}'`],
  ["as Python quotes it for a shell", `'${QUOTED.replaceAll("'", `'"'"'`)}'`],
  ["in SQL and YAML", `'${QUOTED.replaceAll("'", "''")}'`],
  ["in CSV", `1,"${QUOTED.replaceAll('"', '""')}",2`],
  ["in a form", encodeURIComponent(`a ${QUOTED} b`).replaceAll("%20", "+")],
  ["in JSON of CSV", JSON.stringify({ csv: `"${QUOTED.replaceAll('"', '""')}"` })],
])("a value with quotes and spaces is taken out %s", async ([, written]) => {
  const { json, redactions } = await redact(said(`before ${written} behind`), knowing(QUOTED));
  expect(json.messages[0].content[0].text).toMatch(/^before .*\*\*sallyport-masked\*\*.* behind$/);
  expect(json.messages[0].content[0].text).not.toContain("so");
  expect(redactions.count).toBe(1);
});

test("of a dump whole rows go, with the characters beside them", async () => {
  const dump = SHOWN.find(([way]) => way === "in a dump of `hexdump -C`")?.[1] ?? "";
  const { json } = await redact(said(`before${dump}behind`));
  expect(json.messages[0].content[0].text).toBe(`before\n${PLACEHOLDER}\n${PLACEHOLDER}\n00000018\nbehind`);
});

describe("a number", () => {
  const known = knowing("90210777", "12345678.5");
  const called = (input: string): string =>
    `{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"x","input":${input}}]}]}`;

  test.for([
    ['{"pin": 90210777}', `{"pin": "${PLACEHOLDER}"}`],
    ['{"pin":-90210777 }', `{"pin":"${PLACEHOLDER}" }`],
    ['{"pins":[1, 90210777,2,90210777]}', `{"pins":[1, "${PLACEHOLDER}",2,"${PLACEHOLDER}"]}`],
    ['[{"a":{"b":[12345678.5]}}]', `[{"a":{"b":["${PLACEHOLDER}"]}}]`],
    ['{"data":[57,48,50,49,48,55,55,55]}', `{"data":["${PLACEHOLDER}"]}`],
    [
      '{"type":"Buffer","data":[1,2,57, 48, 50, 49, 48, 55, 55, 55,9]}',
      `{"type":"Buffer","data":[1,2,"${PLACEHOLDER}",9]}`,
    ],
  ])("that is known is taken out, and a string stands in its place: %s", async ([given, expected]) => {
    const { text, redactions } = await redact(called(given as string), known);
    expect(text).toBe(called(expected as string));
    expect(redactions.count).toBe((expected as string).split(PLACEHOLDER).length - 1);
  });

  test.for([
    '{"at":1690210777123,"b":190210777,"c":90210777.25,"d":90210777e3,"e":[902107771,0.90210777]}',
    '{"a":[true,1e400,-0.0, 1E+2 ,null],"b":12345678901234567890123}',
  ])("in whose middle it stands is another one, and stays: %s", async (given) => {
    expect((await redact(called(given), known)).text).toBe(called(given));
  });

  test("of the API's own is searched as well: the provider refuses the request, and not what it holds", async () => {
    const body = '{"model":"m","seed":90210777,"messages":[]}';
    expect((await redact(body, known)).text).toBe(body.replace("90210777", `"${PLACEHOLDER}"`));
  });
});

describe("files", () => {
  const file = (data: string, type = "document", media = "text/plain"): object =>
    ask(user({ type, source: { type: "base64", media_type: media, data } }));

  test.for<[string, Buffer]>([
    ["a text", Buffer.from(`hello ${VALUE} bye`)],
    [
      "an image with a comment",
      Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255]), Buffer.from(`tEXt${VALUE}`), Buffer.alloc(99, 7)]),
    ],
  ])("%s in base64 keeps its length, and stays base64", async ([, bytes]) => {
    const { json, redactions } = await redact(file(bytes.toString("base64"), "image", "image/png"));
    const clean = Buffer.from(json.messages[0].content[0].source.data, "base64");
    const at = bytes.indexOf(VALUE);
    const end = at + Buffer.byteLength(VALUE);
    expect(clean.length).toBe(bytes.length);
    expect(clean.includes(VALUE.slice(2, 12))).toBe(false);
    expect(clean.includes("sallyport")).toBe(true);
    // Base64 writes three bytes together: those beside it may be gone with it.
    expect(clean.subarray(0, at - 2)).toEqual(bytes.subarray(0, at - 2));
    expect(clean.subarray(end + 2)).toEqual(bytes.subarray(end + 2));
    expect(redactions.count).toBe(1);
  });

  test("a data URL keeps its beginning", async () => {
    const { json } = await redact({
      model: "m",
      input: [
        { role: "user", content: [{ type: "input_image", image_url: `data:image/png;base64,${base64(VALUE)}` }] },
      ],
    });
    const url = json.input[0].content[0].image_url as string;
    expect(url).toMatch(/^data:image\/png;base64,/);
    expect(Buffer.from(url.slice(22), "base64").toString()).toMatch(/^\*\*sallyport-masked\*\*/);
  });

  test("one without a value stays as it is, whatever letters stand in its base64", async () => {
    const body = file(`iVBO${"AIza".repeat(400)}`, "image");
    expect((await redact(body)).text).toBe(JSON.stringify(body));
  });
});

describe("what stays as it is", () => {
  const signed = (over: object): object =>
    ask({ role: "assistant", content: [{ type: "thinking", thinking: `it is ${VALUE}`, signature: "c2ln", ...over }] });

  test.for<[string, object]>([
    ["signed thinking", signed({})],
    [
      "encrypted thinking",
      ask({ role: "assistant", content: [{ type: "redacted_thinking", data: base64(`${VALUE}abc`) }] }),
    ],
    [
      "OpenAI's encrypted reasoning",
      {
        model: "m",
        input: [{ type: "reasoning", summary: [{ type: "summary_text", text: VALUE }], encrypted_content: "gAAA" }],
      },
    ],
  ])("%s that the provider said in this session, and the record says that a value stands in it", async ([, body]) => {
    const { text, redactions } = await redact(body, knowing(VALUE), [`it is ${VALUE}`, base64(`${VALUE}abc`), VALUE]);
    expect(text).toBe(JSON.stringify(body));
    expect(redactions).toMatchObject({ count: 0, signed: 1 });
  });

  test("signed thinking with what looks like a credential, and the record says that it does", async () => {
    const body = signed({ thinking: "try postgres://app:example-pass@db/app" });
    const { text, redactions } = await redact(body);
    expect(text).toBe(JSON.stringify(body));
    expect(redactions).toMatchObject({ count: 0, signed: 1 });
  });

  const thought = (thinking: string): object => ({ type: "thinking", thinking, signature: "c2ln" });
  const reply = (...content: object[]): object => ask({ role: "assistant", content });
  test.for<[string, object]>([
    ["thinking that it did not say", signed({})],
    ["its base64 in thinking", signed({ thinking: `it is ${base64(VALUE)}` })],
    ["a dump in thinking", signed({ thinking: SHOWN[0]?.[1] })],
    ["what a signature says", signed({ thinking: "x", signature: base64(VALUE) })],
    ["encrypted thinking", reply({ type: "redacted_thinking", data: base64(`${VALUE}abc`) })],
    ["two blocks of thinking", reply(...halves(VALUE).map(thought))],
    [
      "the summary of OpenAI's encrypted reasoning",
      {
        model: "m",
        input: [{ type: "reasoning", summary: [{ type: "summary_text", text: VALUE }], encrypted_content: "gAAA" }],
      },
    ],
  ])("but a known value in %s is refused, with what to do", async ([, body]) => {
    await expect(redact(body, knowing(VALUE), ["it is something else"])).rejects.toMatchObject({
      code: "unmaskable",
      message: expect.stringContaining("did not say it in this session"),
      details: { next: expect.stringMatching(/new dialogue.*without their thinking/) },
    });
  });

  test("and of a value whose one half is signed the other one is taken out", async () => {
    const [left, right] = halves(VALUE);
    const { json } = await redact(reply(thought(`it is ${left}`), words(`${right} b`)));
    expect(json.messages[0].content).toEqual([thought(`it is ${left}`), words(`${PLACEHOLDER} b`)]);
  });

  test.for<[string, object]>([
    ["thinking that nobody signed", signed({ signature: "" })],
    [
      "a user's message that says that it is thinking",
      ask(user({ type: "thinking", thinking: VALUE, signature: "c2ln" })),
    ],
    ["a tool's input that says so", ask(call({ type: "thinking", thinking: VALUE, signature: "c2ln" }))],
    ["a tool's input that says that it is encrypted", ask(call({ type: "redacted_thinking", data: VALUE }))],
    [
      "another field of signed thinking",
      ask({
        role: "assistant",
        content: [{ type: "thinking", thinking: "x", signature: "c2ln", more: { thinking: VALUE } }],
      }),
    ],
    ...["reasoning", "compaction"].flatMap((type): [string, object][] => [
      [
        `what stands beside OpenAI's encrypted ${type}`,
        { model: "m", input: [{ type, encrypted_content: "gAAA", anything: VALUE }] },
      ],
      [
        `what stands deeper in its summary of ${type}`,
        {
          model: "m",
          input: [{ type, encrypted_content: "gAAA", summary: [{ type: "summary_text", a: { text: VALUE } }] }],
        },
      ],
    ]),
    ["reasoning that is not encrypted", { model: "m", input: [{ type: "reasoning", summary: [words(VALUE)] }] }],
  ])("but %s is searched", async ([, body]) => {
    const { text, redactions } = await redact(body);
    expect(text).toContain(PLACEHOLDER);
    expect(redactions).toMatchObject({ count: 1, signed: 0 });
  });

  test("and of many that are signed the record counts those with a value in them", async () => {
    const summary = [VALUE, "nothing", `${VALUE} and ${VALUE}`, "nothing at all", `and ${VALUE}`];
    const item = { type: "reasoning", encrypted_content: "gAAA" };
    const input = [{ ...item, summary: summary.map((text) => ({ type: "summary_text", text })) }];
    const texts = summary.filter((text) => text.includes(VALUE));
    expect((await redact({ model: "m", input }, knowing(VALUE), texts)).redactions).toMatchObject({
      count: 0,
      signed: 3,
    });
  });

  test("every byte outside of what is taken out: spaces, escapes, numbers, the order of keys", async () => {
    const written = JSON.stringify(VALUE).slice(1, -1);
    const before = '{ "messages" :[\n{"content":"\\u00e9\\/ é 😀 \\ud83d\\ude00 ';
    const behind = '" , "role":"user"}],"temperature":1.0,"max_tokens":1e3,"x":12345678901234567890, "model":"m" }\n';
    expect((await redact(before + written + behind)).text).toBe(before + PLACEHOLDER + behind);
    expect((await redact(before + behind)).text).toBe(before + behind);
  });

  test("a value that could be a name, in the API's own words and in a tool's definition", async () => {
    const body = {
      ...ask(),
      tools: [{ name: "assistant", description: "The assistant.", input_schema: { type: "object" } }],
      system: "You are an assistant.",
    };
    const messages = [call({ command: "psql" }), user(words("ask the assistant"))];
    const { json } = await redact({ ...body, messages }, knowing("assistant"));
    expect(json.messages[0].role).toBe("assistant");
    expect(json.tools).toEqual(body.tools);
    expect(json.system).toBe(body.system);
    expect(json.messages[1].content[0].text).toBe(`ask the ${PLACEHOLDER}`);
  });

  test("the same body comes out the same each time, and is not changed again", async () => {
    const body = calls(`one ${VALUE}`, `two ${packed(VALUE)}`, ...halves(`${base64(VALUE)}`));
    const once = await redact(body);
    expect((await redact(body)).text).toBe(once.text);
    expect(await redact(once.text)).toMatchObject({ text: once.text, redactions: { count: 0 } });
    // What a dialogue goes on with leaves what was sent before as it was: the provider's cache of it holds.
    const more = await redact({
      ...body,
      messages: [...(body as ReturnType<typeof JSON.parse>).messages, user(words("go on"))],
    });
    expect(more.text.startsWith(once.text.slice(0, -2))).toBe(true);
  });
});

test("a value that comes to be known changes nothing before its first place, and nothing there again", async () => {
  const known = knowing(VALUE);
  const body = calls(`one ${VALUE}`, `two ${packed(VALUE)}`, "three", "four later-value-4 of them", `five ${VALUE}`);
  const before = await redact(body, known);
  known[0]?.add("later-value-4", ORIGIN);
  const after = await redact(body, known);
  const place = after.text.indexOf(`four ${PLACEHOLDER}`);
  expect(place).toBeGreaterThan(0);
  expect(after.text.slice(0, place)).toBe(before.text.slice(0, place));
  expect(after.text).toBe(before.text.replace("later-value-4", PLACEHOLDER));
  // Nor does it matter in which order they came to be known, nor how many others there are.
  const others = knowing("later-value-4", ...Array.from({ length: 40 }, (_, i) => `another value ${i}`), VALUE);
  expect((await redact(body, others)).text).toBe(after.text);
  expect((await redact(body, known)).text).toBe(after.text);
});

test("what a session gets to know later is taken out from then on", async () => {
  const known = knowing("another-value-1");
  const body = said(`it is ${VALUE} ${"and more words ".repeat(20)}`);
  expect((await redact(body, known)).redactions.count).toBe(0);
  known[0]?.add(VALUE, ORIGIN);
  expect((await redact(body, known)).redactions.count).toBe(1);
  // A session that does not know it is sent as it is.
  expect((await redact(body, [])).redactions.count).toBe(0);
});

test("a session that knows more than can be looked for is refused, with what to do", async () => {
  const known = knowing(VALUE);
  known[0]?.overflow();
  const asked = redact(said("anything"), known);
  await expect(asked).rejects.toThrow(Refusal);
  await expect(asked).rejects.toMatchObject({
    code: "unmaskable",
    details: { next: expect.stringMatching(/new session/) },
  });
});

test("compressed text that is too large to be searched is taken out, and counted apart", async () => {
  const bomb = base64(gzipSync(Buffer.alloc(40_000_000)));
  const { text, redactions } = await redact(said(`here: ${bomb} end`));
  expect(text).toBe(
    JSON.stringify(said(`here: ${PLACEHOLDER}${bomb.endsWith("=") ? bomb.slice(bomb.indexOf("=")) : ""} end`)),
  );
  expect(redactions).toMatchObject({ count: 1, patterns: { unreadable: 1 } });
});

test.for(['{"model":"m"', '{"a":"b}', "[1}", '{"a":"\\"}'])(
  "a body that is no JSON is never passed: %s",
  async (body) => {
    await expect(redactPrompt(Buffer.from(body), [])).rejects.toThrow("no JSON");
  },
);

function stringsOf(body: Buffer) {
  const reader = promptStrings(body);
  for (;;) {
    const { done, value } = reader.next();
    if (done === true) return value.filter(({ kind }) => kind === "said");
  }
}

describe("what is searched at the borders is never more than a few times the prompt, with", () => {
  const alternate = (): (() => boolean) => {
    let odd = false;
    return () => {
      odd = !odd;
      return odd;
    };
  };
  const TEXTS = ["", " ", "a", "a ", "ab\\n".repeat(20), "some words ".repeat(60)];
  test.for(TEXTS.flatMap((text) => [256, 4_096].map((reach): [string, number] => [text, reach])))(
    "strings of %j, where a value reaches over %i bytes",
    ([text, reach]) => {
      const body = Buffer.from(JSON.stringify(ask(user(...Array.from({ length: 4_000 }, () => words(text))))));
      const strings = stringsOf(body);
      for (const trimmed of [false, true]) {
        for (const skip of [undefined, alternate()]) {
          const texts = [...borderTexts(body, strings, reach, { trimmed, ...(skip && { skip }) })];
          const pieces = texts.flatMap((text) => text ?? []);
          expect(pieces.length).toBeLessThanOrEqual(8_000);
          expect(pieces.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThan(2 * body.length);
        }
      }
    },
  );
});

/** Bytes that are read of a body from one turn of the others' to the next, at most, and together. */
async function readBetweenTurns(body: object): Promise<{ most: number; all: number }> {
  let reads = 0;
  let all = 0;
  let most = 0;
  const counted = new Proxy(Buffer.from(JSON.stringify(body)), {
    get(target, key) {
      if (typeof key === "string" && key.charCodeAt(0) <= 0x39) reads++;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const pause = (): undefined => {
    most = Math.max(most, reads);
    all += reads;
    reads = 0;
  };
  await redactPrompt(counted, knowing(VALUE), { pause });
  pause();
  return { most, all };
}

describe("others run before all of a prompt was read, of", () => {
  test.for<[what: string, most: number, all: number, body: object]>([
    ["20,000 strings of a letter", 30_000, 150_000, ask(call({ a: Array.from({ length: 20_000 }, () => "a") }))],
    [
      "10,000 messages of a letter and a line end",
      150_000,
      400_000,
      ask(...Array.from({ length: 10_000 }, () => user(words("a\n")))),
    ],
    ["a string of white space", 200_000, 700_000, ask(user(words(" ".repeat(400_000)), words("a")))],
    ["a string of quotes in escapes", 300_000, 500_000, ask(user(words('"'.repeat(200_000)), words("a")))],
    ["a list of numbers", 300_000, 600_000, ask(call({ a: Array.from({ length: 200_000 }, (_, i) => i % 10) }))],
  ])("%s: each %i bytes of some %i that are looked at", async ([, most, all, body]) => {
    const read = await readBetweenTurns(body);
    expect(read.all).toBeGreaterThan(all);
    expect(read.most).toBeLessThan(most);
  });
});

test("what it takes to look for thousands of values is made in steps", () => {
  const known = new KnownValues();
  for (let i = 0; i < 3_000; i++) known.add(`Pa55-${i}-word-${i}`, ORIGIN);
  let steps = 0;
  while (known.prepare()) steps++;
  // 64 values, or 16 KB of what they may be written in, or of states: never all at once.
  expect(steps).toBeGreaterThan((2 * 3_000) / 64);
  expect(known.find(Buffer.from("x Pa55-2999-word-2999 y"))).toMatchObject([{ start: 2, end: 21 }]);
});

test("values that are looked for while they are prepared are found, and so are those that come meanwhile", () => {
  const known = new KnownValues();
  for (let stop = 0, more = true; more; stop++) {
    known.add(`Pa55-${stop}-word-${stop}`, ORIGIN);
    for (let i = 0; i <= stop && more; i++) more = known.prepare();
    more = stop < 40;
    known.add(`later-${stop}-value`, ORIGIN);
    if (stop % 3 > 0) known.prepare();
    const text = Array.from({ length: stop + 1 }, (_, i) => `Pa55-${i}-word-${i} later-${i}-value`).join(" ");
    expect(known.find(Buffer.from(text))).toHaveLength(2 * (stop + 1));
  }
});

test.for<[string, object]>([
  ["in more strings", ask(call({ a: Array.from({ length: 270_000 }, () => "a") }))],
  ["nested deeper", ask(call(Array.from({ length: 300 }).reduce<object>((inner) => ({ a: inner }), {})))],
])("a prompt %s than can be searched is refused, with what to do", async ([, body]) => {
  await expect(redact(body)).rejects.toMatchObject({
    code: "unmaskable",
    details: { next: expect.stringMatching(/less/) },
  });
});
