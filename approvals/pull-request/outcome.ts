import { rfc3339 } from "../../base/clock.ts";
import type { Approval } from "../types.ts";
import { whole } from "./limits.ts";
import { safeText } from "./safe-text.ts";

export interface Outcome {
  kind: "consumed" | "expired" | "denied" | "cancelled" | "revoked" | "break-glass";
  /** Milliseconds since the epoch. */
  at: number;
  exchangeId?: string;
  reason?: string;
  /** Who did it; the gateway itself where absent. */
  by?: string;
}

const WORDS: Record<Outcome["kind"], string> = {
  consumed: "Consumed",
  expired: "Expired unused",
  denied: "Denied",
  cancelled: "Cancelled: this approves nothing",
  revoked: "Revoked: nothing of it counts any more, and what stands on it ends",
  "break-glass": "Let through by break-glass, without this approval",
};

/** What became of it, as a comment on its pull request. */
export function renderOutcome(approval: Approval, outcome: Outcome): string {
  const { kind, at, exchangeId, reason, by } = outcome;
  return whole(
    [
      `**${WORDS[kind]}** at ${rfc3339(at)}${by === undefined || by === "" ? "" : ` by ${safeText(by)}`} (${safeText(approval.name)}).`,
      ...(exchangeId === undefined ? [] : [`- Exchange: ${safeText(exchangeId)}`]),
      ...(reason === undefined || reason === "" ? [] : [`- Reason: ${safeText(reason)}`]),
    ].join("\n"),
  );
}

/** What is wrong with exception files that somebody wrote, as a comment on the pull request that brings them. */
export function renderMalformed(problems: readonly { name: string; error: string }[]): string {
  const lines = problems.map(({ name, error }) => `- ${safeText(name)}: ${safeText(error)}`);
  return whole(`These files stand for nothing as they are:\n\n${lines.join("\n")}`);
}
