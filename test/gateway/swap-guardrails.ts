import { writeFileSync } from "node:fs";
import { send, until } from "./client.ts";
import type { Rig } from "./rig.ts";

/** Changes the guardrails, and waits until it is they that decide: other events than theirs may come in between. */
export async function swapGuardrails(rig: Rig, text: string, asker?: string): Promise<void> {
  const token = asker ?? (await rig.token("alice"));
  const before = await inForce(rig, token);
  writeFileSync(rig.guardrailsFile, text);
  await until(async () => (await inForce(rig, token)) !== before);
}

async function inForce(rig: Rig, token: string): Promise<string> {
  const { json } = await send(rig, "GET", "/v1alpha1/policy", { token });
  const { guardrails } = (json as { revision: { guardrails: string } }).revision;
  return guardrails;
}
