import { ConfigError } from "../base/config/issues.ts";
import { errorMessage, Refusal, UserError } from "../base/errors.ts";
import { redact } from "../base/log.ts";
import { printable, style } from "./style.ts";

export interface RenderedError {
  /** For stderr, with its last newline. */
  text: string;
  exitCode: 1 | 2 | 3;
}

/** An error in the three parts that a person needs: what happened (and to what), the details, what now. */
interface Parts {
  message: string;
  details: string[];
  next?: string;
  code?: string;
  decisionId?: string;
  exitCode: 1 | 2 | 3;
}

const SYSTEM: Record<string, string> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  EADDRINUSE: "the address is already in use",
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host",
  ENOSPC: "no space left on the disk",
};

/** The one place where a command's error becomes text. `output: "json"` prints one JSON object a line, on stderr too. */
export function renderError(error: unknown, options: { output: "text" | "json"; colour: boolean }): RenderedError {
  const parts = toParts(error);
  if (options.output === "json") {
    const { exitCode, ...rest } = parts;
    return { text: `${redact(JSON.stringify({ error: { ...rest, exitCode } }))}\n`, exitCode };
  }
  const lines = [`${style("error:", "error", options.colour)} ${parts.message}`];
  for (const detail of parts.details) lines.push(`  ${detail}`);
  if (parts.decisionId !== undefined) lines.push(style(`  decision ${parts.decisionId}`, "dim", options.colour));
  if (parts.next !== undefined) lines.push(`${style("next:", "bold", options.colour)} ${parts.next}`);
  return { text: `${printable(redact(lines.join("\n")))}\n`, exitCode: parts.exitCode };
}

function toParts(error: unknown): Parts {
  if (error instanceof ConfigError) {
    return {
      message: `${error.file}: ${error.issues.length} mistake${error.issues.length === 1 ? "" : "s"}`,
      details: error.issues.map((issue) => `${issue.path || "(file)"}: ${issue.message}`),
      exitCode: 2,
    };
  }
  if (error instanceof UserError) {
    const { code, decisionId, details } = error as UserError & {
      code?: string;
      decisionId?: string;
      details?: string[];
    };
    return {
      message: error.message,
      details: details ?? [],
      next: error.next,
      code,
      decisionId,
      exitCode: error.exitCode,
    };
  }
  if (error instanceof Refusal) {
    const { causes = [], next, approvalUrl, decisionId } = error.details;
    const details = causes.map((c) => `${c.rule}: ${c.message}${c.field ? ` (${c.field})` : ""}`);
    if (approvalUrl !== undefined) details.push(`approval: ${approvalUrl}`);
    return {
      message: error.message,
      details,
      next,
      code: error.code,
      decisionId,
      exitCode: error.status >= 500 ? 3 : 1,
    };
  }
  return unexpected(error);
}

/** A system error says which file or host; anything else is our mistake, and says how to tell us. */
function unexpected(error: unknown): Parts {
  const { code, path, address, port } = (error ?? {}) as NodeJS.ErrnoException & { address?: string; port?: number };
  const words = code === undefined ? undefined : SYSTEM[code];
  const subject = path ?? (address === undefined ? undefined : `${address}:${port}`);
  if (words !== undefined && subject !== undefined)
    return { message: `${subject}: ${words}`, details: [], exitCode: 3 };
  const stack = process.env.SALLYPORT_DEBUG && error instanceof Error ? (error.stack ?? "").split("\n").slice(1) : [];
  return {
    message: `unexpected: ${errorMessage(error)}`,
    details: stack.map((line) => line.trim()),
    next: "This is a bug: please report it with the output of the same command under SALLYPORT_DEBUG=1.",
    exitCode: 3,
  };
}
