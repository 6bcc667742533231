import { z } from "zod";

const perMillion = z.number().min(0).max(1_000_000);
const globs = z.array(z.string().min(1)).default([]);
const atLeastOne = z.number().positive().max(Number.MAX_SAFE_INTEGER);

/** In one currency, whichever it is: what a million tokens of each kind cost. */
const priceSchema = z.strictObject({
  inputPerMillion: perMillion,
  outputPerMillion: perMillion,
  cacheReadPerMillion: perMillion,
  /** Anthropic asks 1.25 times the input's price for five minutes, and twice for an hour: name the one that is used. */
  cacheWritePerMillion: perMillion,
});

const limitSchema = z
  .strictObject({
    /** Keys are ANDed, values ORed; `*` globs, `!` excludes; empty matches all, as in the guardrails. */
    match: z.strictObject({ users: globs, groups: globs, connections: globs }).prefault({}),
    /** Whose spending is counted together. A session that begins anew begins at nothing; an identity does not. */
    per: z.enum(["session", "identity"]),
    /** Of an identity: how far back its spending counts, at every moment. A session's counts from its start. */
    window: z
      .string()
      .regex(/^[1-9]\d{0,3}[mhd]$/, 'must be minutes, hours or days: "24h"')
      .refine((text) => within(text, 10 * 60_000, 31 * 86_400_000), "must be 10m to 31d")
      .optional(),
    tokens: atLeastOne.int().optional(),
    cost: atLeastOne.optional(),
    calls: atLeastOne.int().optional(),
  })
  .refine(({ tokens, cost, calls }) => tokens !== undefined || cost !== undefined || calls !== undefined, {
    error: "limits nothing: it needs tokens, cost or calls",
  })
  .refine(({ per, window }) => per === "identity" || window === undefined, {
    path: ["window"],
    error: "is for limits per identity: a session's counts from its start",
  });

/** What may be asked of model providers. Each limit that matches applies. */
export const budgetsSchema = z.strictObject({
  /** By the model's name; `*` globs, and the first that matches counts. */
  prices: z.record(z.string().regex(/^[^!]/, "must not begin with !"), priceSchema).default({}),
  limits: z.array(limitSchema).max(100).default([]),
});

export type BudgetsConfig = z.output<typeof budgetsSchema>;
export type BudgetLimit = BudgetsConfig["limits"][number];
export type Price = z.output<typeof priceSchema>;

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `15m`, `24h`, `7d`. */
export function windowMs(text: string): number {
  return Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? 0);
}

function within(text: string, least: number, most: number): boolean {
  const ms = windowMs(text);
  return ms >= least && ms <= most;
}
