import fc from "fast-check";
import { expect, test } from "vitest";
import { KnownValues } from "../../engine/mask/known-values.ts";
import { createMasker, LAST_APPLIED, type Masker } from "../../engine/mask/masker.ts";
import { PLACEHOLDER } from "../../engine/mask/placeholder.ts";
import { ListMask } from "../../proxy/answer/list-mask.ts";
import { MaskedFields } from "../../proxy/answer/masked-fields.ts";

const maskOf = (resource: string, fields: string[]) => [
  { selector: { group: "", resource }, fields, placeholder: PLACEHOLDER },
];
const MASKS = [
  { resource: "secrets", masks: maskOf("secrets", ["data.*"]) },
  { resource: "configmaps", masks: maskOf("configmaps", ["data['db-password']"]) },
  { resource: "vaults", masks: maskOf("vaults", ["spec.deep[*].token"]) },
  { resource: "pods", masks: [] },
];
const b64 = (text: string): string => Buffer.from(text).toString("base64");

const text = fc.constantFrom(
  ...[
    "shop",
    "correct-horse",
    b64("correct-horse"),
    "hunter2-hunter2",
    "it is hunter2-hunter2!",
    "",
    "H4sIAAAA",
    "Status",
  ],
  ...[
    '{"data":{"db-password":"correct-horse"}}',
    '{"spec":{"deep":[{"token":"hunter2-hunter2"}]}}',
    "a\\b",
    "é",
    "a\nb",
  ],
);
const object = (keys: string[]) => fc.dictionary(fc.constantFrom(...keys), text, { maxKeys: 3 });
const item = fc.record(
  {
    metadata: fc.record(
      {
        name: fc.constantFrom("a", "b"),
        namespace: fc.constant("shop"),
        labels: object(["app", "db-password"]),
        annotations: object([LAST_APPLIED, "note"]),
      },
      { requiredKeys: [] },
    ),
    data: object(["password", "db-password", "db-passwort", "tls.key"]),
    spec: fc.record({ deep: fc.array(object(["token", "note"]), { maxLength: 2 }) }),
    kind: fc.constantFrom("Secret", "Status"),
    note: text,
  },
  { requiredKeys: [] },
);

/** As JSON.stringify writes it, as Go does, or with each slash or letter escaped as no API server does. */
const writers: ((value: unknown) => string)[] = [
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value).replace(/[<>&]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`),
  (value) => JSON.stringify(value).replaceAll("/", "\\/"),
  (value) => JSON.stringify(value).replace(/d(?=[ab])/g, "\\u0064"),
  (value) => JSON.stringify(value, undefined, 1),
];

function maskerFor({ resource, masks }: (typeof MASKS)[number], knows: boolean): Masker {
  const known = new KnownValues();
  if (knows || masks.length === 0) known.add("hunter2-hunter2");
  const masker = createMasker(masks, { group: "", resource, namespace: "", name: "" }, { known });
  if (masker === undefined) throw new Error("nothing to mask");
  return masker;
}

test("a list that is masked in the stream reads, whatever the chunks, as one whose items are all read", () => {
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 5 }),
      fc.constantFrom(...MASKS),
      fc.constantFrom(...writers),
      fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(65_536)),
      fc.boolean(),
      (items, masks, write, size, knows) => {
        const list = Buffer.from(`{"kind":"List","items":[${items.map((one) => write(one)).join(",")}]}`);
        const read = maskerFor(masks, knows);
        const wanted = items.map((one) => read.maskItem(write(one)));

        const fields = new MaskedFields();
        const streaming = new ListMask(maskerFor(masks, knows), fields);
        const out: Buffer[] = [];
        for (let at = 0; at < list.length; at += size) out.push(...streaming.push(list.subarray(at, at + size)));
        out.push(...streaming.end());

        expect(JSON.parse(Buffer.concat(out).toString("utf8")).items).toEqual(
          wanted.map(({ value }) => JSON.parse(value)),
        );
        expect(new Set(fields.list())).toEqual(new Set(wanted.flatMap(({ maskedFields }) => maskedFields)));
      },
    ),
    { numRuns: process.env.SALLYPORT_TEST_ALL ? 30_000 : 1_500, seed: 3 },
  );
}, 300_000);
