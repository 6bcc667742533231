import { readFileSync } from "node:fs";
import { Agent } from "undici";
import { unreachable } from "../client.ts";
import type { Context } from "../context.ts";
import { type Check, failure } from "./check.ts";

/** Issuers allow 30 s of skew unless their configuration says otherwise. */
const SKEW_MS = 30_000;

/** Reaches the gateway's key set, which needs no token, and compares its clock with ours. */
export async function checkGateway(context: Context): Promise<Check[]> {
  try {
    const ca = context.caFile === undefined ? undefined : readFileSync(context.caFile, "utf8");
    const agent = new Agent({ allowH2: false, connect: { ca, timeout: 5000 } });
    try {
      const { origin, pathname } = new URL(context.url);
      const path = `${pathname.replace(/\/+$/, "")}/.well-known/jwks.json`;
      const response = await agent.request({ origin, path, method: "GET", signal: AbortSignal.timeout(5000) });
      await response.body.dump();
      if (response.statusCode !== 200) {
        const next = "Is this the gateway's own URL?";
        return [
          { result: "failed", what: "gateway", detail: `${context.url}${path} answered ${response.statusCode}`, next },
        ];
      }
      return [
        { result: "ok", what: "gateway", detail: "reachable, and its certificate is trusted" },
        checkClock(response.headers.date, Date.now()),
      ];
    } finally {
      await agent.destroy();
    }
  } catch (error) {
    return [failure("gateway", unreachable(error, context.url))];
  }
}

/** `date` is the Date header of the gateway's answer: seconds, so that a second more or less is none. */
export function checkClock(date: string | string[] | undefined, now: number): Check {
  const theirs = Date.parse(String(date ?? ""));
  if (Number.isNaN(theirs)) return { result: "warn", what: "clock", detail: "the gateway sent no date" };
  const skew = Math.max(0, Math.abs(now - theirs) - 1000);
  const seconds = Math.round(skew / 1000);
  if (skew <= SKEW_MS) return { result: "ok", what: "clock", detail: `within ${seconds + 1} s of the gateway's` };
  const next = "Set this machine's clock (NTP): tokens are refused as expired or not yet valid.";
  return { result: "failed", what: "clock", detail: `${seconds} s from the gateway's`, next };
}
