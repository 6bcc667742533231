import { type Guardrails, guardrailsSchema } from "../../base/config/guardrails.ts";
import type { Bundle } from "../../engine/bundle/bundle.ts";
import type { Policy } from "../../engine/decision.ts";
import { createPolicy } from "../../engine/policy.ts";
import type { Row } from "./cell.ts";

/** A machine that is busy with other tests is no slow rule. */
const DEADLINE_MS = 30_000;

/** Guardrails of a row: `baseline`, unless the row says otherwise. */
export function guardrailsOf({ guardrails = {} }: Pick<Row, "guardrails">): Guardrails {
  return guardrailsSchema.parse({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Guardrails",
    profiles: ["baseline"],
    defaults: { approval: { approvers: ["group:corp:oncall"] } },
    ...guardrails,
  });
}

/** The policy of each row, made once for all rows with the same guardrails. */
export function policies(bundle: Bundle): (row: Row) => Promise<Policy> {
  const made = new Map<string, Promise<Policy>>();
  return (row) => {
    const key = JSON.stringify(row.guardrails ?? {});
    const known = made.get(key) ?? createPolicy({ bundle, guardrails: guardrailsOf(row), deadlineMs: DEADLINE_MS });
    made.set(key, known);
    return known;
  };
}
