import { fileURLToPath } from "node:url";
import { cachedBundle } from "../../../cli/policy/bundle-cache.ts";
import type { Policy } from "../../../engine/decision.ts";
import { createPolicy } from "../../../engine/policy.ts";
import { guardrailsOf } from "../../matrix/policies.ts";

/** What a hold waits, and an approval lasts, in milliseconds. */
export const HOLD_MS = 90_000;
export const VALID_MS = 900_000;

let made: Promise<Policy> | undefined;

/** The library's own rules, with two uses for an approval in namespace `twice`. Made once. */
export function modelPolicy(): Promise<Policy> {
  made ??= cachedBundle([fileURLToPath(new URL("../../../rego", import.meta.url))]).then((bundle) =>
    createPolicy({
      bundle,
      guardrails: guardrailsOf({
        guardrails: {
          defaults: {
            approval: {
              approvers: ["group:corp:oncall"],
              holdSeconds: HOLD_MS / 1000,
              validForSeconds: VALID_MS / 1000,
            },
          },
          scopes: [{ name: "twice", match: { namespaces: ["twice"] }, approval: { maxUses: 2 } }],
        },
      }),
      deadlineMs: 30_000,
    }),
  );
  return made;
}
