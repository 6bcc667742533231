import { errorMessage, UserError } from "../../base/errors.ts";
import { colourFor, printable, style } from "../style.ts";

/** One line of `sallyport doctor`. `detail` names things, and never holds a secret. */
export interface Check {
  result: "ok" | "warn" | "failed";
  what: string;
  detail: string;
  /** What to do about it. */
  next?: string;
}

export function failure(what: string, error: unknown): Check {
  const next = error instanceof UserError ? error.next : undefined;
  return { result: "failed", what, detail: errorMessage(error), ...(next === undefined ? {} : { next }) };
}

export function renderChecks(checks: readonly Check[]): string {
  const colour = colourFor(process.stdout);
  const mark = {
    ok: style("ok     ", "ok", colour),
    warn: style("warning", "warn", colour),
    failed: style("failed ", "error", colour),
  };
  return checks
    .map(({ result, what, detail, next }) => {
      const line = `${mark[result]}  ${what}: ${printable(detail)}`;
      return next === undefined ? line : `${line}\n         ${printable(next)}`;
    })
    .join("\n");
}
