import { rfc3339 } from "./clock.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const SECRET_NAME = /(authorization|token|secret|password|private|credential|cookie|assertion)/i;
// A JWS in compact form wherever it stands (an error's text may quote one), a bearer, and a PEM key.
const SECRET_TEXT =
  /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|(?<=bearer )\S+|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/gi;

/** Removes what looks like a credential from text that is on its way out of the process. */
export function redact(text: string): string {
  return text.replace(SECRET_TEXT, "[redacted]");
}

function clean(value: unknown, name: string, depth: number): unknown {
  if (typeof value === "string") return SECRET_NAME.test(name) ? "[redacted]" : redact(value).slice(0, 4096);
  if (value instanceof Error) {
    const cause = value.cause === undefined || depth > 4 ? undefined : clean(value.cause, "cause", depth + 1);
    return { name: value.name, message: redact(value.message), stack: redact(value.stack ?? ""), cause };
  }
  if (value === null || typeof value !== "object" || depth > 4) return typeof value === "object" ? null : value;
  if (Array.isArray(value)) return value.slice(0, 50).map((entry) => clean(entry, name, depth + 1));
  if (ArrayBuffer.isView(value)) return "[bytes]";
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, clean(entry, key, depth + 1)]));
}

/** One JSON object a line. Values under secret-looking names, and credentials inside texts, are left out. */
export function createLog(
  write: (line: string) => void = (line) => void process.stderr.write(line),
  level: LogLevel = "info",
): Log {
  const at =
    (l: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (ORDER[l] < ORDER[level]) return;
      const rest = clean(fields, "", 0) as Record<string, unknown>;
      write(`${JSON.stringify({ at: rfc3339(Date.now()), level: l, message: redact(message), ...rest })}\n`);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
