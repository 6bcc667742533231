import { expect, test } from "vitest";
import { SessionValues } from "../../../engine/mask/session-values.ts";
import type { Classified } from "../../../proxy/exchange.ts";
import { recordMaskerOf } from "../../../proxy/withhold/record-masker.ts";

const VALUE = "0b3f7c-correct-horse-battery";
const TEXT = JSON.stringify({ kind: "ConfigMap", metadata: { name: "c", namespace: "shop" }, data: { note: VALUE } });
const EXCHANGE = {
  attributes: {
    group: "",
    resource: "configmaps",
    namespace: "shop",
    name: "c",
    operation: "READ",
    nonResource: false,
  } as unknown as Classified["attributes"],
  session: { id: "s" } as Classified["session"],
};

function rig(limits?: { searched: number; ended: number }) {
  const recordValues = new SessionValues(limits);
  recordValues.of("s").add(VALUE);
  return { recordValues, masker: () => recordMaskerOf(EXCHANGE, { hmacKey: new Uint8Array(32), recordValues }) };
}

test.each([
  ["while its session is open", false, false],
  ["when its session ended before it came", true, false],
  ["when its session ended while it came", false, true],
])("an object's copy for the record is searched for what is known %s", (_title, before, meanwhile) => {
  const { recordValues, masker } = rig();
  if (before) recordValues.forget("s");
  const own = masker();
  if (meanwhile) recordValues.forget("s");
  expect(own?.maskText(TEXT).value).not.toContain(VALUE);
});

test.each([
  ["before it came", true],
  ["while it came", false],
])("an object is left out whose session ended %s, with more others than are searched", (_title, before) => {
  const { recordValues, masker } = rig({ searched: 0, ended: 10 });
  if (before) recordValues.forget("s");
  const own = masker();
  if (!before) recordValues.forget("s");
  expect(() => own?.maskText(TEXT)).toThrow("cannot be looked for any more");
});
