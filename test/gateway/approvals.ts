import { type Reply, send, spooled, until } from "./client.ts";
import type { Rig } from "./rig.ts";

export interface Listed {
  name: string;
  state: string;
  seen: string;
  requester: { session: string };
  summary: { name: string; verb: string };
  rules: string[];
  uses: unknown[];
  supersedes?: string;
  changes: { path: string }[];
}

export async function listed(rig: Rig, token: string): Promise<Listed[]> {
  const { json } = await send(rig, "GET", "/v1alpha1/approvals", { token });
  return (json?.items ?? []) as Listed[];
}

/** All proposals about the object of this name. */
export async function about(rig: Rig, token: string, object: string): Promise<Listed[]> {
  return (await listed(rig, token)).filter(({ summary }) => summary.name === object);
}

/** Waits for the pending proposal about the object of this name. */
export function pending(rig: Rig, token: string, object: string): Promise<Listed> {
  return until(async () => (await about(rig, token, object)).find(({ state }) => state === "pending"));
}

export function decide(
  rig: Rig,
  token: string,
  { name, seen }: Pick<Listed, "name" | "seen">,
  verb: "approve" | "deny" = "approve",
  reason = "as the test says",
): Promise<Reply> {
  return send(rig, "POST", `/v1alpha1/approvals/${name}/${verb}`, { token, body: { reason, seen } });
}

/** How long an exchange waited for a human who did not come, as the record has it: a busy machine adds nothing to it. */
export async function waitedMs(rig: Rig, exchange: string): Promise<number> {
  const [asked, gaveUp] = await until(() => {
    const rows = spooled(rig).filter(({ exchange_id }) => exchange_id === exchange);
    const gaveUp = rows.find(({ kind }) => kind === "hold.timed_out");
    return gaveUp && [rows.find(({ kind }) => /^hold\.(opened|reattached)$/.test(kind)), gaveUp];
  });
  return Date.parse(`${gaveUp?.at}Z`) - Date.parse(`${asked?.at}Z`);
}
