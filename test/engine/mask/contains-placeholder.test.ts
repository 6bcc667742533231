import { expect, test } from "vitest";
import { containsPlaceholder } from "../../../engine/mask/contains-placeholder.ts";
import { LAST_APPLIED } from "../../../engine/mask/masker.ts";
import { PLACEHOLDER } from "../../../engine/mask/placeholder.ts";

const b64 = (text: string) => Buffer.from(text, "utf8").toString("base64");

const CARRIED: [string, unknown, string[]][] = [
  ["as text", { stringData: { p: PLACEHOLDER } }, ["stringData.p"]],
  ["as base64", { data: { p: b64(PLACEHOLDER) } }, ["data.p"]],
  ["inside a longer text", { data: { p: `x${PLACEHOLDER}y` } }, ["data.p"]],
  ["in base64 after no byte and before one", { data: { p: b64(`${PLACEHOLDER}\n`) } }, ["data.p"]],
  ["in base64 after one byte", { data: { p: b64(`x${PLACEHOLDER}`) } }, ["data.p"]],
  ["in base64 after two bytes", { data: { p: b64(`xy${PLACEHOLDER}zz`) } }, ["data.p"]],
  ["in base64 after three bytes", { data: { p: b64(`xyz${PLACEHOLDER}z`) } }, ["data.p"]],
  ["in a JSON patch", [{ op: "replace", path: "/data/p", value: b64(PLACEHOLDER) }], ["[0].value"]],
  ["in a list", { spec: { env: [{ value: PLACEHOLDER }] } }, ["spec.env[0].value"]],
];
test.each(CARRIED)("a placeholder %s is found", (_title, body, paths) => {
  expect(containsPlaceholder(body)).toEqual(paths);
});

test("the last-applied annotation does not count: an unchanged apply after a masked read writes no value", () => {
  const annotations = { [LAST_APPLIED]: JSON.stringify({ data: { p: b64(PLACEHOLDER) } }), other: PLACEHOLDER };
  expect(containsPlaceholder({ metadata: { annotations } })).toEqual(["metadata.annotations.other"]);
});

test("a body without one is clean, whatever its numbers and depth", () => {
  expect(containsPlaceholder({ data: { p: b64("real") }, n: 1, x: null, b: true })).toEqual([]);
});
