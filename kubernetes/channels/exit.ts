/** What the API server says about how an exec or attach ended. */
export interface ExitStatus {
  /** The command's exit code; 0 for success; undefined where it did not run, or ended otherwise. */
  readonly code: number | undefined;
  /** Of a failure: `NonZeroExitCode`, `InternalError`, … */
  readonly reason: string;
  readonly message: string;
}

/** A Status is some hundred bytes; error messages of runtimes are a few thousand. */
const LIMIT = 64 * 1024;

/** Gathers the error channel of one exec or attach, and reads what it says at the end. */
export class ExitChannel {
  private readonly parts: Uint8Array[] = [];
  private size = 0;

  /** Keeps a copy. Beyond 64 KiB the rest is left out. */
  push(payload: Uint8Array): void {
    if (payload.length === 0 || this.size >= LIMIT) return;
    const part = Uint8Array.prototype.slice.call(payload, 0, LIMIT - this.size);
    this.parts.push(part);
    this.size += part.length;
  }

  /** Undefined where nothing was said: before the end, or where the command succeeded in a protocol before v4. */
  status(): ExitStatus | undefined {
    return this.size === 0 ? undefined : parseExitStatus(Buffer.concat(this.parts).toString("utf8"));
  }
}

/**
 * Reads the error channel: from v4 on a `Status` in JSON, before that a sentence. The cause `ExitCode` of the
 * reason `NonZeroExitCode` is the command's exit code, from 1 to 255 (client-go, errorDecoderV4).
 */
export function parseExitStatus(text: string): ExitStatus {
  const status = parseObject(text);
  if (status === undefined) return { code: undefined, reason: "", message: text };
  const reason = typeof status.reason === "string" ? status.reason : "";
  const message = typeof status.message === "string" ? status.message : "";
  if (status.status === "Success") return { code: 0, reason, message };
  const code = reason === "NonZeroExitCode" ? exitCode(status.details) : undefined;
  return { code, reason, message };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // A sentence, from a server that speaks a protocol before v4.
    return undefined;
  }
}

function exitCode(details: unknown): number | undefined {
  const causes: unknown = (details as { causes?: unknown } | undefined)?.causes;
  if (!Array.isArray(causes)) return undefined;
  const cause = causes.find((one): one is { message: string } => one?.reason === "ExitCode");
  const code = /^[0-9]{1,3}$/.test(String(cause?.message)) ? Number(cause?.message) : undefined;
  return code !== undefined && code <= 255 ? code : undefined;
}
