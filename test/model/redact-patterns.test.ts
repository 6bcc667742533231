import { generateKeyPairSync } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { PLACEHOLDER } from "../../engine/mask/placeholder.ts";
import { redactPrompt } from "../../proxy/model/redact-prompt.ts";

// Made here, so that no file of this repository looks as if it held a credential.
const mixed = (n: number): string =>
  Array.from(
    { length: n },
    (_, i) => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[(i * 7 + 3) % 62],
  ).join("");
const base64 = (value: string | Buffer): string => Buffer.from(value as string).toString("base64");
const KEY = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
}).privateKey.trim();
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const JWT = `${part({ alg: "RS256", typ: "JWT" })}.${part({ sub: "system:serviceaccount:shop:web" })}.${mixed(86)}`;

/** What is taken out of them. */
const CREDENTIALS: [title: string, pattern: string, before: string, value: string, after: string][] = [
  ["a private key", "private-key", "", KEY, ""],
  ["a token", "jwt", "Bearer ", JWT, ""],
  ["an AWS key", "cloud-key", "id ", `AKIA${mixed(16).toUpperCase()}`, ""],
  ["an AWS secret", "cloud-key", "aws_secret_access_key = ", mixed(40), ""],
  ["a Google key", "cloud-key", "?key=", `AIza${mixed(35)}`, ""],
  ["an Azure key", "cloud-key", "AccountKey=", `${mixed(86)}==`, ";"],
  ["a GitHub token", "cloud-key", "", `ghp_${mixed(36)}`, ""],
  ["a Slack token", "cloud-key", "", `xoxb-123456789012-${mixed(24)}`, ""],
  ["an Anthropic key", "cloud-key", "", `sk-ant-api03-${mixed(40)}`, ""],
  ["a database's password", "database-url", "postgres://app:", "s3cr3t-pass", "@db/app"],
];
const WAYS: [way: string, write: (text: string) => string][] = [
  ["in clear", (text) => text],
  ["in base64", base64],
  ["in hex", (text) => Buffer.from(text).toString("hex")],
  ["in JSON inside of a string", (text) => JSON.stringify({ a: JSON.stringify({ b: text }) })],
  ["in base64 of what gzip wrote", (text) => base64(gzipSync(`a file: ${text}\n`))],
  ["in base64 of JSON with base64 in it", (text) => base64(JSON.stringify({ data: { k: base64(text) } }))],
];

async function redact(...texts: string[]) {
  const content = texts.map((text, i) => ({ type: "tool_result", tool_use_id: `t${i}`, content: text }));
  const body = Buffer.from(JSON.stringify({ model: "m", messages: [{ role: "user", content }] }));
  const { body: clean, redactions } = await redactPrompt(body, []);
  const found = JSON.parse(clean.toString("utf8")).messages[0].content as { content: string }[];
  return { texts: found.map(({ content: text }) => text), redactions, unchanged: clean === body };
}

describe.for(CREDENTIALS)("%s is taken out", ([, pattern, before, value, after]) => {
  test.for(WAYS)("%s", async ([way, write]) => {
    const written = write(before + value + after);
    const { texts, redactions } = await redact(`first ${written} last`);
    expect(redactions).toMatchObject({ count: 1, patterns: { [pattern]: 1 }, maskedFields: [] });
    expect(texts[0]).toMatch(/^first .* last$/s);
    expect(texts[0]).toContain(PLACEHOLDER);
    if (way === "in clear") expect(texts[0]).toBe(`first ${before}${PLACEHOLDER}${after} last`);
    expect(texts[0]).not.toContain(write(value).slice(8, 24));
  });

  test("split over two results", async () => {
    const text = before + value + after;
    for (const at of [before.length + 2, before.length + (value.length >> 1), before.length + value.length - 2]) {
      const { texts } = await redact(`first ${text.slice(0, at)}`, `${text.slice(at)} last`);
      expect(texts.join(""), `${at}`).toContain(PLACEHOLDER);
      // Of a token whose signature is gone nobody has anything.
      expect(texts.join(""), `${at}`).not.toContain(value.slice(-12, -2));
    }
  });
});

describe("a private key", () => {
  const lines = KEY.split("\n");

  test.for<[string, string[], string[]]>([
    [
      "whose end is missing",
      [`x\n${lines.slice(0, 9).join("\n")}\nand words behind it`],
      [`x\n${PLACEHOLDER}\nand words behind it`],
    ],
    [
      "whose beginning is missing",
      [`words before it\n${lines.slice(5).join("\n")} x`],
      [`words before it\n${PLACEHOLDER} x`],
    ],
    [
      "in a listing with numbers",
      [`${lines.map((line, i) => `${String(i + 1).padStart(6)}→${line}`).join("\n")}\n    99→end`],
      [`     1→${PLACEHOLDER}\n    99→end`],
    ],
    [
      "over two results",
      [`a ${lines.slice(0, 9).join("\n")}\n`, `${lines.slice(9).join("\n")} b`],
      [`a ${PLACEHOLDER}\n`, `${PLACEHOLDER} b`],
    ],
  ])("%s is taken out, and the words around it are not", async ([, given, expected]) => {
    expect((await redact(...given)).texts).toEqual(expected);
  });
});

test.for([
  [
    "the markers of a key in a program",
    'if (text.includes("-----BEGIN PRIVATE KEY-----")) {\n  return cut(text, "-----END PRIVATE KEY-----");\n}',
  ],
  [
    "a marker in words",
    `It begins with -----BEGIN RSA PRIVATE KEY----- and then ${"more words follow here ".repeat(40)}`,
  ],
  ["a certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"],
  ["a URL with a variable for its password", "postgres://app:$DB_PASSWORD@db/app and redis://:{{ .password }}@h"],
  [
    "digests, paths and identifiers",
    `sha256:${"0123456789abcdef".repeat(4)} /usr/local/lib/node_modules/typescript/lib someVeryLongIdentifierInAProgram`,
  ],
  [
    "an image's base64",
    base64(Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 255))),
  ],
])("%s stays", async ([, text]) => {
  const { unchanged, redactions } = await redact(text as string);
  expect(redactions.patterns).toEqual({});
  expect(unchanged).toBe(true);
});
