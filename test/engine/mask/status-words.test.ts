import { expect, test } from "vitest";
import { createMasker } from "../../../engine/mask/masker.ts";
import { PLACEHOLDER } from "../../../engine/mask/placeholder.ts";

const masker = createMasker(
  [{ selector: { group: "", resource: "secrets" }, fields: ["data.*"], placeholder: PLACEHOLDER }],
  { group: "", resource: "secrets", namespace: "shop", name: "database" },
);

function failure(code: number, message: string, causes?: object[]): object {
  const details = causes === undefined ? {} : { details: { name: "database", kind: "secrets", causes } };
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: "Invalid",
    code,
    ...details,
  };
}

const QUOTING: [string, object][] = [
  [
    "the whole object, for a patch that leaves none",
    failure(422, ' "" is invalid: patch: Invalid value: "{\\"data\\":{\\"password\\":\\"Y29ycmVjdA==\\"}}"', [
      { reason: "FieldValueInvalid", field: "patch", message: 'Invalid value: "Y29ycmVjdA=="' },
    ]),
  ],
  [
    "a label that is no label",
    failure(422, 'Secret "database" is invalid: metadata.labels: Invalid value: "Y29ycmVjdA=="'),
  ],
  [
    "what an admission policy says",
    failure(403, "secrets \"database\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: Y29ycmVjdA=="),
  ],
  ["a broken conversion", failure(500, "cannot decode Y29ycmVjdA==")],
  ["a body that is none", failure(400, "json: cannot unmarshal Y29ycmVjdA==")],
];

test.each(QUOTING)("a refusal of the API server that quotes %s is withheld", (_what, status) => {
  const masked = masker?.maskText(JSON.stringify(status));
  expect(masked?.value).not.toContain("Y29ycmVjdA");
  expect(masked?.maskedFields).toContain("message");
  expect(JSON.parse(masked?.value ?? "")).toMatchObject({ kind: "Status", status: "Failure", reason: "Invalid" });
});

test("an error event of a watch is withheld too", () => {
  const event = { type: "ERROR", object: failure(500, "cannot decode Y29ycmVjdA==") };
  expect(masker?.maskText(JSON.stringify(event)).value).not.toContain("Y29ycmVjdA");
});

test("the fields of a refusal's causes stay", () => {
  const status = failure(422, "no", [{ reason: "FieldValueRequired", field: "data[.dockerconfigjson]", message: "x" }]);
  const { details } = JSON.parse(masker?.maskText(JSON.stringify(status)).value ?? "");
  expect(details.causes).toEqual([
    { reason: "FieldValueRequired", field: "data[.dockerconfigjson]", message: expect.stringContaining("withheld") },
  ]);
});

const PLAIN: [string, object][] = [
  ["not found", failure(404, 'secrets "database" not found')],
  ["a conflict", failure(409, 'Apply failed with 1 conflict: conflict with "kubectl" using v1: .data.password')],
  [
    "RBAC's no",
    failure(
      403,
      'secrets "database" is forbidden: User "dev:agent@example.com" cannot get resource "secrets" in API group "" in the namespace "shop"',
    ),
  ],
];

test.each(PLAIN)("%s keeps its words", (_what, status) => {
  expect(JSON.parse(masker?.maskText(JSON.stringify(status)).value ?? "")).toEqual(status);
});
