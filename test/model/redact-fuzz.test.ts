import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { KnownValues } from "../../engine/mask/known-values.ts";
import { PLACEHOLDER } from "../../engine/mask/placeholder.ts";
import { redactPrompt } from "../../proxy/model/redact-prompt.ts";
import { WRITES } from "./redact-tools.ts";

const CASES = process.env.SALLYPORT_TEST_ALL === "1" ? 20_000 : 300;

/** Mulberry32: the same cases each time. */
function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * n);
  };
}

const LETTERS = [..."abcXYZ019 +/=-_.%\\\"'<&\n\t{}[],:üñ→😀\u0001"];
const text = (pick: (n: number) => number, length: number): string =>
  Array.from({ length }, () => LETTERS[pick(LETTERS.length)]).join("");
const WRITE: ((value: string) => string)[] = [
  (value) => value,
  (value) => JSON.stringify(value),
  (value) => Buffer.from(value).toString("base64"),
  (value) => Buffer.from(value).toString("hex"),
  (value) => Buffer.from(gzipSync(value)).toString("base64"),
];

/** JSON as clients may write it: with letters in escapes that need none. */
function oddly(json: string, pick: (n: number) => number): string {
  return json.replace(/\\u[0-9a-f]{4}|\\.|[a-zA-Z/]/g, (c) => {
    if (c.length > 1 || pick(20) > 0) return c;
    return c === "/" ? "\\/" : `\\u00${c.charCodeAt(0).toString(16)}`;
  });
}

test(`of ${CASES} requests nothing is taken out but the value, whatever stands around it and however it is written`, {
  timeout: 300_000,
}, async () => {
  for (let seed = 0; seed < CASES; seed++) {
    const pick = random(seed);
    const value = `V${text(pick, 12 + pick(30))}${seed}V`;
    const known = new KnownValues();
    known.add(value);
    // Nested in each other at random, with something around it that belongs to no encoding.
    let written = value;
    for (let i = pick(3); i >= 0; i--) written = (WRITE[pick(WRITE.length)] as (value: string) => string)(written);
    const [before, behind] = [`${text(pick, pick(40))} (`, `) ${text(pick, pick(40))}`];
    const place = pick(3) > 0 ? written.length : pick(written.length);
    // Half of a surrogate pair is refused where requests are read.
    const at = /[\udc00-\udfff]/.test(written[place] ?? "") ? place + 1 : place;
    const content = [before + written.slice(0, at), written.slice(at) + behind].map((one) => ({
      type: "text",
      text: one,
    }));
    const messages = at === written.length ? [{ type: "text", text: before + written + behind }] : content;
    const body = oddly(JSON.stringify({ model: "m", n: 1.0, messages: [{ role: "user", content: messages }] }), pick);
    const { body: clean, redactions } = await redactPrompt(Buffer.from(body), [known]);
    const texts = JSON.parse(clean.toString("utf8")).messages[0].content.map(
      (one: { text: string }) => one.text,
    ) as string[];
    const all = texts.join("");
    expect(redactions.count, `${seed}: ${body}`).toBeGreaterThan(0);
    expect(all.startsWith(before), `${seed}: ${all}`).toBe(true);
    expect(all.endsWith(behind), `${seed}: ${all}`).toBe(true);
    expect(all, `${seed}`).toContain(PLACEHOLDER);
    expect((await redactPrompt(clean, [known])).body.equals(clean), `${seed}`).toBe(true);
  }
});

test(`nor of ${CASES} in which a tool wrote it, by itself or in JSON or base64`, { timeout: 300_000 }, async () => {
  for (let seed = 0; seed < CASES; seed++) {
    const pick = random(seed);
    const value = `V${text(pick, 12 + pick(30))}${seed}V`;
    const known = new KnownValues();
    known.add(value);
    const [way, write] = WRITES[pick(WRITES.length)] as (typeof WRITES)[number];
    const outer = [(one: string) => one, JSON.stringify, (one: string) => Buffer.from(one).toString("base64")][pick(3)];
    const [before, behind] = [`${text(pick, pick(40))} (\n`, `\n) ${text(pick, pick(40))}`];
    const written = (outer as (one: string) => string)(`\n${write(value)}`);
    const content = before + written + behind;
    const body = oddly(JSON.stringify({ model: "m", messages: [{ role: "user", content }] }), pick);
    const { body: clean, redactions } = await redactPrompt(Buffer.from(body), [known]);
    const all = JSON.parse(clean.toString("utf8")).messages[0].content as string;
    expect(redactions.count, `${seed}, ${way}: ${content}`).toBeGreaterThan(0);
    expect(all.startsWith(before), `${seed}, ${way}: ${all}`).toBe(true);
    expect(all.endsWith(behind), `${seed}, ${way}: ${all}`).toBe(true);
    expect((await redactPrompt(clean, [known])).body.equals(clean), `${seed}, ${way}: ${all}`).toBe(true);
  }
});

test("what is no JSON, or odd JSON, never hangs, and is refused or left as it is", async () => {
  const valid = JSON.stringify({ messages: [{ role: "user", content: [{ type: "text", text: 'a\\"b\\u0041' }] }] });
  for (let seed = 0; seed < CASES; seed++) {
    const pick = random(seed);
    const bytes = Buffer.from(valid);
    for (let i = 0; i <= pick(4); i++) bytes[pick(bytes.length)] = pick(256);
    const done = await redactPrompt(bytes, []).catch((error: Error) => error.message);
    if (typeof done === "string") expect(done).toMatch(/no JSON|JSON/);
    else expect(done.body.equals(bytes)).toBe(true);
  }
});
