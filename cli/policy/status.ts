import type { PolicyStatus } from "../../engine/policy-holder.ts";
import type { Answer } from "../action.ts";
import { createClient } from "../client.ts";
import { loadContext } from "../context.ts";
import { gatewaySession } from "../session.ts";

/** Which policy is in force at the gateway, and which change was rejected since. */
export async function status(): Promise<Answer> {
  const context = loadContext(process.env);
  const client = createClient(context, async () => (await gatewaySession(context, process.env)).token);
  try {
    const found = (await client.request("GET", "/v1alpha1/policy")) as PolicyStatus;
    const lines = [
      `revision ${found.revision.bundle}/${found.revision.guardrails}, in force since ${found.loadedAt}`,
      ...(found.rejected === undefined
        ? []
        : [`a later change was rejected at ${found.rejected.at}: ${found.rejected.reason}`]),
    ];
    return { json: found, text: lines.join("\n") };
  } finally {
    await client.close();
  }
}
