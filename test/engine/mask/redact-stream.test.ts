import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { encodingsOf } from "../../../engine/mask/encodings.ts";
import { KnownValues } from "../../../engine/mask/known-values.ts";
import { createStreamRedactor } from "../../../engine/mask/redact-stream.ts";
import { SessionValues } from "../../../engine/mask/session-values.ts";

const SECRET = "hunter2-hunter2?";
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function knowing(...values: string[]): KnownValues {
  const known = new KnownValues();
  for (const value of values) known.add(value);
  return known;
}

/** All that comes out of a stream that comes in these chunks. */
function redact(known: KnownValues, ...chunks: string[]): string {
  const redactor = createStreamRedactor(known);
  const out = chunks.map((chunk) => text(redactor.push(Buffer.from(chunk, "latin1"))));
  return out.join("") + text(redactor.flush());
}

/** Every occurrence of every form, overwritten one after the other. */
function naive(forms: Uint8Array[], stream: Buffer): string {
  const out = Buffer.from(stream);
  for (const form of forms) {
    for (let at = stream.indexOf(form); at >= 0; at = stream.indexOf(form, at + 1)) {
      out.fill("*", at, at + form.length);
    }
  }
  return text(out);
}

test("a value is overwritten by as many stars, wherever the stream was cut", () => {
  const known = knowing(SECRET);
  const stream = `before ${SECRET} after ${SECRET}${SECRET}\n`;
  const expected = `before ${"*".repeat(16)} after ${"*".repeat(32)}\n`;
  for (let cut = 0; cut <= stream.length; cut++) {
    expect(redact(known, stream.slice(0, cut), stream.slice(cut)), `cut at ${cut}`).toBe(expected);
  }
  expect(redact(known, ...stream)).toBe(expected);
});

describe("a value is found in each encoding", () => {
  const bytes = Buffer.from(SECRET);
  const inJson = JSON.stringify({ a: JSON.stringify({ b: 'say "hi"\nto <all>' }) });
  const ENCODED: [string, string, string][] = [
    ["base64", SECRET, bytes.toString("base64")],
    ["base64, one byte in", SECRET, Buffer.from(`x${SECRET}yz`).toString("base64")],
    ["base64, two bytes in", SECRET, Buffer.from(`xx${SECRET}y`).toString("base64")],
    ["URL-safe base64", "\xfb\xff\xfe?>~hunter2", Buffer.from("\xfb\xff\xfe?>~hunter2").toString("base64url")],
    ["lower-case hex", SECRET, bytes.toString("hex")],
    ["upper-case hex", SECRET, bytes.toString("hex").toUpperCase()],
    ["percent-encoding", "p@ss/word=1&2", encodeURIComponent("p@ss/word=1&2")],
    ["JSON in JSON", 'say "hi"\nto <all>', inJson.slice(1)],
    ["base64 in lines of 76", SECRET.repeat(9), wrap(Buffer.from(SECRET.repeat(9)).toString("base64"), 76)],
    ["base64 in lines of 64", SECRET.repeat(9), wrap(Buffer.from(SECRET.repeat(9)).toString("base64"), 64)],
  ];
  test.each(ENCODED)("%s", (_name, value, encoded) => {
    const out = redact(knowing(value), `a: ${encoded} :b`);
    expect(out).toHaveLength(encoded.length + 6);
    // At either end a character of base64 is shared with a neighbour.
    const [before = "", after = ""] = out.split(/\*[*\n]{9,}/);
    expect(
      [before.length, after.length].every((length) => length <= 20),
      out,
    ).toBe(true);
  });
});

function wrap(base64: string, width: number): string {
  return base64.replace(new RegExp(`(.{${width}})(?=.)`, "g"), "$1\n");
}

test("a line of a value with many lines is found by itself", () => {
  const key =
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQ==\n-----END PRIVATE KEY-----\n";
  const out = redact(knowing(key), "app | MIIEvQIBADANBgkqhkiG9w0BAQEF\napp | -----BEGIN CERTIFICATE-----\n");
  expect(out).toBe(`app | ${"*".repeat(28)}\napp | -----BEGIN CERTIFICATE-----\n`);
});

describe("of a value with parts, each part is found by itself:", () => {
  test.each([
    ["a password in a connection string", "postgres://app:s3cr3t-pw%21@db/shop", "using s3cr3t-pw%21"],
    ["the same, decoded", "postgres://app:s3cr3t-pw%21@db/shop", "using s3cr3t-pw!"],
    ["a registry's password", '{"auths":{"r.io":{"username":"u","password":"p4ss\\"word1"}}}', 'using p4ss"word1'],
    ["a line of an env file", "DEBUG=1\nexport API_TOKEN='t0k3n-value'\n", "using t0k3n-value"],
    ["a line of a YAML file", "db:\n  password: s3cr3t-pw\n", "using s3cr3t-pw"],
    ["what stands before a newline", "s3cr3t-pw\n", "using s3cr3t-pw"],
  ])("%s", (_title, value, printed) => {
    expect(redact(knowing(value), `${printed}, as u said`)).toBe(`using ${"*".repeat(printed.length - 6)}, as u said`);
  });

  test("and what no name promises to be one is not", () => {
    const config = '{"logging": "information", "host": "db.example.com"}';
    expect(redact(knowing(config), "information db.example.com")).toBe("information db.example.com");
  });
});

test("what cannot begin a value goes out at once", () => {
  const redactor = createStreamRedactor(knowing(SECRET));
  expect(text(redactor.push(Buffer.from("prompt$ ")))).toBe("prompt$ ");
  expect(text(redactor.push(Buffer.from("echo hunt")))).toBe("echo ");
  expect(redactor.held).toBe(4);
  expect(text(redactor.push(Buffer.from("ing")))).toBe("hunting");
  expect(redactor.held).toBe(0);
});

test("a value that ends a chunk goes out at once, as stars", () => {
  const redactor = createStreamRedactor(knowing(SECRET, `${SECRET} and more`));
  expect(text(redactor.push(Buffer.from(`x ${SECRET}`)))).toBe(`x ${"*".repeat(16)}`);
  expect(text(redactor.push(Buffer.from(" and more")))).toBe("*".repeat(9));
});

test("after the tail was given up the rest of the value is still overwritten", () => {
  const redactor = createStreamRedactor(knowing(SECRET));
  expect(text(redactor.push(Buffer.from("x hunter2-")))).toBe("x ");
  expect(text(redactor.flush())).toBe("hunter2-");
  expect(text(redactor.push(Buffer.from("hunter2? y")))).toBe("******** y");
});

test("a value that the session comes to know while the stream is open counts from then on", () => {
  const known = new KnownValues();
  const redactor = createStreamRedactor(known);
  const first = Buffer.from(`${SECRET} `);
  expect(redactor.push(first)).toBe(first);
  known.add(SECRET);
  expect(text(redactor.push(Buffer.from(`${SECRET} hunt`)))).toBe(`${"*".repeat(16)} `);
  known.add("hunted-down");
  expect(text(redactor.push(Buffer.from("ed-down.")))).toBe("***********.");
});

test("a stream without a value is passed as the bytes that came", () => {
  const redactor = createStreamRedactor(knowing(SECRET));
  const chunk = Buffer.from("nothing to see\n");
  expect(redactor.push(chunk)).toBe(chunk);
  expect(redactor.redactions).toBe(0);
});

test("shorter values than eight bytes are not looked for", () => {
  expect(redact(knowing("letters"), "letters")).toBe("letters");
  expect(redact(knowing("letters8"), "letters8")).toBe("********");
});

test("the stream says whose values it overwrote, and their HMACs", () => {
  const known = new KnownValues();
  known.add(SECRET, { path: "shop/db:data.password", fingerprint: "f00d" });
  known.add("another-value", { path: "shop/db:data.other", fingerprint: "beef" });
  const redactor = createStreamRedactor(known);
  redactor.push(Buffer.from(`${SECRET} ${SECRET} `));
  expect(redactor.maskedFields).toEqual(["shop/db:data.password"]);
  expect(redactor.fingerprints).toEqual({ "shop/db:data.password": "f00d" });
  expect(redactor.redactions).toBe(2);
});

test("a session that masked more than can be looked for gets no streams, and not unsearched ones", () => {
  const known = new KnownValues();
  known.add(SECRET);
  const open = createStreamRedactor(known);
  for (let i = 0; known.complete && i < 5000; i++) known.add(`${i} ${"v".repeat(500)}`);
  expect(known.complete).toBe(false);
  expect(() => createStreamRedactor(known)).toThrow(Refusal);
  expect(() => open.push(Buffer.from("x"))).toThrow("more values than can be looked for");
});

test("what a session knew is forgotten with it", () => {
  const sessions = new SessionValues();
  sessions.of("a").add(SECRET);
  expect(sessions.of("a").size).toBe(1);
  expect(sessions.of("b").size).toBe(0);
  sessions.forget("a");
  expect(sessions.of("a").size).toBe(0);
});

describe("where the sessions hold more together than there is room for,", () => {
  const fill = (sessions: SessionValues, id: string, count: number): void => {
    for (let i = 0; i < count; i++) sessions.of(id).add(`${id} ${i} ${"v".repeat(150)}`);
    // What it takes to look for them is made when something is looked for.
    sessions.of(id).matchers();
  };

  test("the one that holds most gives it up, and is refused streams; the others are searched", () => {
    const sessions = new SessionValues();
    fill(sessions, "small", 5);
    const large = Array.from({ length: 22 }, (_, i) => `large-${i}`);
    for (const id of large) fill(sessions, id, 400);
    expect(sessions.of("small").complete).toBe(true);
    expect(text(createStreamRedactor(sessions.of("small")).push(Buffer.from(`small 0 ${"v".repeat(150)}!`)))).toMatch(
      /^\*+!$/,
    );
    const given = large.filter((id) => !sessions.of(id).complete);
    expect(given.length).toBeGreaterThan(0);
    for (const id of given) expect(() => createStreamRedactor(sessions.of(id))).toThrow(Refusal);
  });

  test("what a session that ended held is room again, and it takes up nothing more", () => {
    const sessions = new SessionValues();
    const ended = sessions.of("ended");
    fill(sessions, "ended", 400);
    sessions.forget("ended");
    ended.add(SECRET);
    expect(ended.size).toBe(0);
    for (let i = 0; i < 30; i++) {
      fill(sessions, `s${i}`, 400);
      expect(sessions.of(`s${i}`).complete).toBe(true);
      sessions.forget(`s${i}`);
    }
  });
});

test("whatever the values, the stream and the chunks, the same bytes are overwritten as by looking for each in turn", () => {
  // Few letters, so that values overlap, contain and follow each other.
  const word = (min: number, max: number) =>
    fc.array(fc.constantFrom("a", "b", '"', "\n"), { minLength: min, maxLength: max }).map((parts) => parts.join(""));
  const piece = fc.oneof(word(0, 12), fc.nat(5), fc.record({ value: fc.nat(5), form: fc.nat(20), cut: fc.nat(9) }));
  fc.assert(
    fc.property(
      fc.array(word(8, 14), { minLength: 1, maxLength: 6 }),
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(200), { maxLength: 6 }),
      (values, pieces, cuts) => {
        const known = values.map((value) => value.trim()).filter((value) => value.length >= 8);
        const forms = known.flatMap((value) => encodingsOf(Buffer.from(value), true));
        // Few letters make no names, so that a value has no parts but its lines; its ends are trimmed.
        const lines = values.flatMap((value) => value.split("\n").map((line) => Buffer.from(line.trim())));
        const stream = Buffer.concat(
          pieces.map((one) => {
            if (typeof one === "string") return Buffer.from(one);
            if (typeof one === "number") return Buffer.from(values[one % values.length] ?? "");
            const form = encodingsOf(Buffer.from(values[one.value % values.length] ?? ""), true);
            const chosen = form[one.form % form.length] as Uint8Array;
            return Buffer.from(chosen.subarray(0, chosen.length - (one.cut < 5 ? 0 : one.cut)));
          }),
        );
        const at = [0, ...cuts.map((cut) => Math.min(cut, stream.length)).sort((a, b) => a - b), stream.length];
        const chunks = at.slice(1).map((end, i) => text(stream.subarray(at[i], end)));
        const expected = naive([...forms, ...lines.filter((line) => line.length >= 16)], stream);
        const all = redact(knowing(...values), ...chunks);
        // Values that come to be known one after the other are in matchers of their own.
        const apart = new KnownValues();
        for (const value of values) {
          apart.add(value);
          apart.matchers();
        }
        return all === expected && redact(apart, ...chunks) === expected;
      },
    ),
    { numRuns: process.env.SALLYPORT_TEST_ALL ? 20_000 : 1_500, seed: 4 },
  );
}, 120_000);
