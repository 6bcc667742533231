import { expect, test } from "vitest";
import { parseFieldPath, selectFields } from "../../../engine/mask/field-path.ts";

const OBJECT = {
  data: { a: 1, "db-password": 2, "it's": 3 },
  spec: { containers: [{ env: [{ value: "x" }, { name: "n" }] }, { env: [{ value: "y" }] }] },
};
const CASES: [string, string[]][] = [
  ["data.*", ["data.a", "data.db-password", "data['it\\'s']"]],
  ["data['db-password']", ["data.db-password"]],
  ["data.db-password", ["data.db-password"]],
  ["data['it\\'s']", ["data['it\\'s']"]],
  ["data['missing']", []],
  ["spec.containers[*].env[*].value", ["spec.containers[0].env[0].value", "spec.containers[1].env[0].value"]],
  ["spec.containers[1].env[*].value", ["spec.containers[1].env[0].value"]],
  ["spec.containers[7]", []],
  ["spec[*]", []],
  ["spec.containers.*", []],
  ["*", ["data", "spec"]],
  ["data.__proto__", []],
];
test.each(CASES)("the field path %s selects %j", (path, expected) => {
  expect(selectFields(OBJECT, parseFieldPath(path)).map((selected) => selected.path)).toEqual(expected);
});
