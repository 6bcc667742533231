import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Mask } from "../../../engine/decision.ts";
import { encodingsOf } from "../../../engine/mask/encodings.ts";
import { KnownValues } from "../../../engine/mask/known-values.ts";
import { createMasker, LAST_APPLIED, type Masker } from "../../../engine/mask/masker.ts";
import { PLACEHOLDER } from "../../../engine/mask/placeholder.ts";

const SECRETS = { group: "", resource: "secrets", namespace: "a", name: "" };
const PODS = { ...SECRETS, resource: "pods" };
const MASKS: Mask[] = [{ selector: { group: "", resource: "secrets" }, fields: ["data.*"], placeholder: PLACEHOLDER }];
const VALUE = 'p<ss "word" 1';
const b64 = (text: string): string => Buffer.from(text).toString("base64");

function knowing(...values: string[]): KnownValues {
  const known = new KnownValues();
  for (const value of values) known.add(value, { path: "a/db:data.p", fingerprint: "f00d" });
  return known;
}

function maskerFor(known: KnownValues, requested = PODS): Masker {
  const masker = createMasker(MASKS, requested, { known, hmacKey: Buffer.from("key") });
  if (masker === undefined) throw new Error("there is nothing to mask");
  return masker;
}

const pod = (text: string): object => ({ metadata: { name: "p" }, spec: { containers: [{ args: [text] }] } });

test("what one answer masks is masked in the session's next answers, whatever was asked for", () => {
  const known = new KnownValues();
  maskerFor(known, SECRETS).maskText(
    JSON.stringify({ metadata: { name: "db", namespace: "a" }, data: { p: b64(VALUE) } }),
  );
  expect(known.originOf(0)).toEqual({ path: "a/db:data.p", fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const { value, maskedFields, fingerprints } = maskerFor(known).maskText(JSON.stringify(pod(`--pw=${VALUE}`)));
  expect(JSON.parse(value)).toEqual(pod(`--pw=${PLACEHOLDER}`));
  expect(maskedFields).toEqual(["spec.containers[0].args[0]"]);
  expect(Object.values(fingerprints)).toEqual([known.originOf(0).fingerprint]);
});

test("a session that knows nothing has no masker for what no mask names", () => {
  expect(createMasker(MASKS, PODS, { known: new KnownValues() })).toBeUndefined();
});

test("an item of a list is masked as the list is, and one with nothing to mask is the same string", () => {
  const masker = maskerFor(knowing(VALUE));
  const items = [pod(VALUE), pod("nothing"), pod(`in base64: ${b64(`x${VALUE}`)}`)];
  const whole = JSON.parse(masker.maskText(JSON.stringify({ kind: "PodList", items })).value).items;
  const each = items.map((item) => masker.maskItem(JSON.stringify(item)));
  expect(each.map(({ value }) => JSON.parse(value))).toEqual(whole);
  expect(each[1]?.value).toBe(JSON.stringify(items[1]));
  expect(each[0]?.maskedFields).toEqual(["/p:spec.containers[0].args[0]"]);
});

describe("names stay", () => {
  test("of the object itself, which are no secret though they equal one", () => {
    const object = { metadata: { name: VALUE, namespace: VALUE, uid: VALUE }, kind: VALUE };
    expect(JSON.parse(maskerFor(knowing(VALUE)).maskText(JSON.stringify(object)).value)).toEqual(object);
  });

  test("that could be anything's, and are looked for in streams only", () => {
    const masker = maskerFor(knowing("postgres", VALUE));
    expect(JSON.parse(masker.maskText(JSON.stringify(pod("postgres"))).value)).toEqual(pod("postgres"));
    // A shorter value is found though a name ends where it ends.
    expect(
      JSON.parse(maskerFor(knowing("my-secret-id", "ecret-id")).maskText(JSON.stringify(pod("my-secret-id"))).value),
    ).toEqual(pod("my-secret-id"));
    expect(
      JSON.parse(
        maskerFor(knowing("my-secret", "y-secret", "-secret9")).maskText(JSON.stringify(pod("-secret9"))).value,
      ),
    ).toEqual(pod(PLACEHOLDER));
  });
});

test("what a masked value is masked with can be written back by nobody", () => {
  expect(maskerFor(knowing(VALUE)).placeholders).toEqual([PLACEHOLDER]);
});

test("a thousand values that come one by one are all found, with a handful of matchers", () => {
  const known = new KnownValues();
  for (let i = 0; i < 1_000; i++) {
    known.add(`value-${i}-${i * 7919}`);
    expect(known.standsIn(Buffer.from(`it is value-${i}-${i * 7919}`))).toBe(true);
  }
  expect(known.matchers().length).toBeLessThan(12);
  expect(known.find(Buffer.from("value-0-0! value-999-7911081")).map(({ start, end }) => [start, end])).toEqual([
    [0, 9],
    [11, 28],
  ]);
});

/** As Go's encoding/json writes it. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

const RUNS = { numRuns: process.env.SALLYPORT_TEST_ALL ? 10_000 : 1_000, seed: 5 };
const word = fc.array(fc.constantFrom("a", "B", "<", '"', "\n", "é", "/", "\\"), { minLength: 8, maxLength: 12 });
const value = word.map((parts) => parts.join("")).filter((text) => text.trim().length >= 8);
/** A text that may hold a value, in some encoding, and may be cut off. */
const holding = (values: string[]) =>
  fc
    .tuple(fc.nat(values.length - 1), fc.nat(30), fc.nat(3), fc.constantFrom("", "x", '"', "\n"))
    .map(([which, form, cut, around]) => {
      const forms = encodingsOf(Buffer.from(values[which] ?? ""), true);
      const chosen = Buffer.from(forms[form % forms.length] ?? []).toString("utf8");
      return around + chosen.slice(0, chosen.length - (cut === 3 ? 3 : 0)) + around;
    });
const objects = fc
  .array(value, { minLength: 1, maxLength: 3 })
  .chain((values) => fc.tuple(fc.constant(values), fc.array(holding(values), { maxLength: 3 }), fc.array(fc.string())))
  .map(([values, texts, others]) => ({
    values,
    object: {
      metadata: {
        name: "o",
        labels: Object.fromEntries(others.map((text, i) => [`l${i}`, text])),
        annotations: { [LAST_APPLIED]: JSON.stringify({ data: texts }), plain: texts.join(" ") },
      },
      spec: { texts, deep: [{ more: texts[0] ?? "" }] },
    },
  }));

test("where an item need not be looked at, masking it would change nothing", () => {
  fc.assert(
    fc.property(objects, fc.constantFrom(SECRETS, PODS), ({ values, object }, requested) => {
      const masker = maskerFor(knowing(...values), requested);
      const text = goJson(object);
      return masker.mayMask(Buffer.from(text)) || masker.maskItem(text).value === text;
    }),
    RUNS,
  );
}, 120_000);

test("no known value is left in any string of a masked object", () => {
  fc.assert(
    fc.property(objects, ({ values, object }) => {
      const masked = JSON.parse(maskerFor(knowing(...values)).maskItem(goJson(object)).value);
      const strings: string[] = [];
      JSON.stringify(masked, (_key, one) => {
        if (typeof one === "string") strings.push(one);
        return one;
      });
      return strings.every((one) =>
        values.every((known) => !one.includes(known.trim()) && !one.includes(b64(known.trim()))),
      );
    }),
    RUNS,
  );
}, 120_000);
