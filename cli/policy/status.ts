import type { PolicyStatus } from "../../engine/policy-holder.ts";
import type { Answer } from "../action.ts";
import { createClient } from "../client.ts";
import { loadContext } from "../context.ts";
import { gatewaySession } from "../session.ts";
import { printable } from "../style.ts";

/** Which policy is in force at the gateway, which change was rejected since, and what is asked beside it. */
export async function status(): Promise<Answer> {
  const context = loadContext(process.env);
  const client = createClient(context, async () => (await gatewaySession(context, process.env)).token);
  try {
    const found = (await client.request("GET", "/v1alpha1/policy")) as PolicyStatus;
    return { json: found, text: linesOf(found).map(printable).join("\n") };
  } finally {
    await client.close();
  }
}

/** One line each; what another program said of it may be of several. */
function linesOf({ revision, serial, loadedAt, checkedAt, rejected, shadow }: PolicyStatus): string[] {
  const which = serial === undefined ? "" : `, serial ${serial}`;
  const candidate = shadow as PolicyStatus["shadow"] & Partial<Pick<PolicyStatus, "revision" | "rejected">>;
  return [
    `revision ${revision.bundle}/${revision.guardrails}${which}, in force since ${loadedAt}`,
    ...(rejected === undefined
      ? []
      : [
          `last in agreement with its source at ${checkedAt}`,
          `a later change was rejected at ${rejected.at}: ${rejected.reason}`,
        ]),
    ...(candidate?.revision === undefined
      ? []
      : [`beside it, never enforced: ${candidate.revision.bundle}/${candidate.revision.guardrails}`]),
    ...(candidate?.rejected === undefined ? [] : [`the candidate was rejected: ${candidate.rejected.reason}`]),
  ];
}
