import { readFileSync } from "node:fs";
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { KnownValues } from "../../engine/mask/known-values.ts";
import { mayInflate } from "../../engine/mask/layers/deflate.ts";
import { redactPrompt } from "../../proxy/model/redact-prompt.ts";

/** What a session may know: a password, a number, a key of many lines, a word that could be a name, bytes that are no text. */
const known = new KnownValues();
for (const value of [
  "c0rrect-h0rse",
  "90210777",
  `-----BEGIN PRIVATE KEY-----\n${`${"Zm9vYmFyYmF6cXV4".repeat(4)}\n`.repeat(20)}Zm9v\n-----END PRIVATE KEY-----\n`,
  "postgresql",
  Buffer.from([0, 1, 2, 3, 252, 253, 254, 255, 9]),
  "a 'quoted' \"word\" & <more>",
])
  known.add(value);

const bytes = (length: number, step: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * step + (i >> 3) * 31 + (i >> 7)) & 255));
const hex = bytes(64, 7919).toString("hex");
const numbered = (text: string, mark: string): string =>
  text
    .split("\n")
    .map((line, i) => `${String(i + 1).padStart(6)}${mark}${line}`)
    .join("\n");
const source = readFileSync(new URL("../../engine/mask/byte-matcher.ts", import.meta.url), "utf8");
const words = readFileSync(new URL("../../docs/secrets-in-prompts.md", import.meta.url), "utf8");

/** What agents send all day: texts of tools and of people, none of which holds a secret. */
const ORDINARY: [what: string, text: string][] = [
  ["a program", source],
  ["a program with its lines numbered", numbered(source, "→")],
  ["a program as `cat -n` and `grep -n` list it", `${numbered(source, "\t")}\n${source.replace(/^/gm, "12:")}`],
  ["a document", words],
  ["a program as JSON inside of JSON", JSON.stringify({ stdout: JSON.stringify({ file: source }) })],
  ["a difference", source.replace(/^/gm, "+").replace(/^\+(?=\/\/)/gm, "-")],
  ["a file in base64", Buffer.from(source).toString("base64")],
  [
    "a file in base64, in lines and numbered",
    numbered(Buffer.from(source).toString("base64").replace(/.{76}/g, "$&\n"), "\t"),
  ],
  ["a compressed file", gzipSync(source).toString("base64")],
  ["bytes in base64", bytes(30_000, 7919).toString("base64")],
  [
    "a hexdump",
    `00000000: ${hex.slice(0, 32).replace(/.{4}/g, "$& ")} ................\n00000010: ${hex.slice(32, 64).replace(/.{4}/g, "$& ")} ................\n`,
  ],
  ["a fingerprint", `SHA256:${"ab:cd:ef:01:23:45:67:89:".repeat(4)}00 and MAC 02:42:ac:11:00:02`],
  ["digests", `sha256:${hex} sha1-${hex.slice(0, 40)}\n${hex.slice(0, 40)} refs/heads/main\n`.repeat(20)],
  ["identifiers", Array.from({ length: 50 }, (_, i) => `3f2504e0-4f89-41d3-9a0c-0305e82c${3300 + i}`).join("\n")],
  ["numbers", Array.from({ length: 400 }, (_, i) => `${i * 7919}, ${i % 256} ${i}.${i}`).join("\n")],
  [
    "a table of a database",
    "  id | name  | count \n-----+-------+-------\n   1 |   a   |   b   \n   2 |   c   |   d   \n".repeat(9),
  ],
  ["letters far apart", "   a   b   c   d   e   f\n   g   h   i   j   k   l\n"],
  [
    "colours of a terminal",
    "\u001b[32m✓\u001b[0m passed \u001b[1;31m2 failed\u001b[m \u001b]8;;https://x\u0007link\u001b]8;;\u0007\n".repeat(
      20,
    ),
  ],
  [
    "a page",
    '<p class="x">a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#39; &nbsp; &copy; &hellip; &unknown; R&D</p>\n'.repeat(30),
  ],
  [
    "expressions",
    String.raw`/^\d{1,3}\.\s*(\w+)\1\2$/ s/\(a\)\/b/\1\\n/g C:\Users\101\file \033[0m \x1b[0m $'\t' \u{1F600}`,
  ],
  ["an address", "https://h/a%20b?q=1%2B1&x=%7B%22a%22%3A1%7D&next=%2Fhome 100% of 50%25"],
  ["text in two bytes a letter", "h\u0000e\u0000l\u0000l\u0000o\u0000 \u0000w\u0000o\u0000r\u0000l\u0000d\u0000"],
  [
    "a log",
    "2026-11-23T05:20:19.123Z INFO  [main] 10.0.0.1:8080 -> 200 in 12.3ms, id=7f3a9c, n=1712345678901\n".repeat(40),
  ],
  [
    "a command of PowerShell",
    `powershell -EncodedCommand ${Buffer.from("Get-ChildItem -Recurse | Select Name", "utf16le").toString("base64")}`,
  ],
  [
    "a manifest",
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  uid: 3f2504e0-4f89-41d3-9a0c-0305e82c3301\ndata:\n  password: KipzYWxseXBvcnQtbWFza2VkKio=\n",
  ],
  [
    "what was taken out before",
    "password: **sallyport-masked**\nKipzYWxseXBvcnQtbWFza2VkKio= 2a2a73616c6c79706f72742d6d61736b65642a2a",
  ],
  ["other alphabets", "пароль: неизвестен. 密码是未知的。 🔑🔒 ünïcödé"],
];

test.for(ORDINARY)("%s goes to the provider byte for byte", async ([, text]) => {
  const content = [
    { type: "text", text },
    { type: "tool_result", tool_use_id: "t", content: text.slice(0, text.length >> 1) },
    { type: "tool_result", tool_use_id: "u", content: text.slice(text.length >> 1) },
  ];
  const input = { text, at: 1_712_345_678_901, list: [48, 49, 50, 51, 52, 53, 54, 55, 56], n: -1.5e300, port: 90_210 };
  const messages = [
    { role: "user", content },
    { role: "assistant", content: [{ type: "tool_use", id: "v", name: "Write", input }] },
  ];
  const body = Buffer.from(JSON.stringify({ model: "m", max_tokens: 8_192, messages }));
  const { body: clean, redactions } = await redactPrompt(body, [known]);
  expect(redactions).toMatchObject({ count: 0, patterns: {}, signed: 0 });
  expect(clean.equals(body)).toBe(true);
});

test("texts that were compressed without a header are told from names, paths and digests", () => {
  // Each that is taken for compressed costs room that real ones need.
  const names = Array.from({ length: 20_000 }, (_, i) => {
    const word = (n: number): string =>
      ["Held", "Tool", "Value", "Proposal", "kubernetes", "Session", "of/", "Reply"][n % 8] as string;
    return `read${word(i)}${word(i >> 3)}${word(i >> 6)}${word(i >> 9)}${word(i >> 12)}${i}`;
  });
  const digests = Array.from({ length: 5_000 }, (_, i) => bytes(32, i * 7 + 1).toString("base64"));
  const taken = [...names, ...digests].filter((one) => {
    const decoded = Buffer.from(one, "base64");
    return mayInflate(decoded, 0, decoded.length);
  });
  expect(taken.length).toBeLessThan(25);
  const missed = Array.from({ length: 200 }, (_, i) => {
    const text = source.slice(i * 13, i * 13 + 60 + i * 20);
    return deflateRawSync(text, { level: 1 + (i % 9), strategy: i % 5 === 0 ? constants.Z_FIXED : 0 });
  }).filter((packed) => packed.length >= 24 && !mayInflate(packed, 0, packed.length));
  expect(missed).toEqual([]);
});
