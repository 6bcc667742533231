import { afterAll, beforeAll, expect, test } from "vitest";
import type { Policy } from "../../engine/decision.ts";
import { createPolicy } from "../../engine/policy.ts";
import { EvaluationWorker } from "../../engine/wasm/evaluation-worker.ts";
import { guardrails, input, libraryBundle } from "./support.ts";

const OPERATIONS: Record<string, string> = {
  create: "CREATE",
  update: "UPDATE",
  patch: "UPDATE",
  delete: "DELETE",
  deletecollection: "DELETE",
};
const WRITES = Object.keys(OPERATIONS);
const READS = ["get", "list", "watch"];
const ADMISSION = "admissionregistration.k8s.io";
const CONFIGURATIONS = [
  `${ADMISSION}/mutatingwebhookconfigurations`,
  `${ADMISSION}/validatingwebhookconfigurations`,
  `${ADMISSION}/validatingadmissionpolicies`,
  `${ADMISSION}/validatingadmissionpolicies/status`,
  `${ADMISSION}/validatingadmissionpolicybindings`,
  `${ADMISSION}/mutatingadmissionpolicies`,
  `${ADMISSION}/mutatingadmissionpolicybindings`,
  "apiregistration.k8s.io/apiservices",
  "apiregistration.k8s.io/apiservices/status",
];

let policy: Policy;
const worker = new EvaluationWorker();
beforeAll(async () => {
  policy = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails(), worker });
});
afterAll(() => worker.close());

/** What baseline does with this verb on group/resource[/subresource], and which rules say so. */
async function verdict(verb: string, target: string): Promise<string> {
  const [group = "", resource = "", subResource = ""] = target.split("/");
  const { effect, findings } = await policy.decide(
    input({
      request: {
        verb,
        operation: (OPERATIONS[verb] ?? "") as "" | "CREATE" | "UPDATE" | "DELETE",
        resource: { group, version: "v1", resource },
        subResource,
      },
    }),
  );
  return [effect, ...findings.map(({ rule }) => rule)].join(" ");
}

test.each(CONFIGURATIONS)("every write of %s is denied, and every read allowed", async (target) => {
  // All of them at once is a finding more.
  for (const verb of WRITES) expect(await verdict(verb, target), verb).toMatch(/^deny admission\/configuration/);
  for (const verb of READS) expect(await verdict(verb, target), verb).toBe("allow");
});

test.each<[verb: string, target: string, verdict: string]>([
  ["delete", "/namespaces", "hold destruction/namespace"],
  ["update", "/namespaces/finalize", "hold destruction/namespace"],
  ["create", "/namespaces", "allow"],
  ["patch", "/namespaces", "allow"],
  ["update", "/namespaces/status", "allow"],
  ["get", "/namespaces", "allow"],
  ["delete", "metrics.k8s.io/namespaces", "allow"],
])("a %s of %s is %s", async (verb, target, expected) => {
  expect(await verdict(verb, target)).toBe(expected);
});
