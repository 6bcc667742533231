import { readFileSync, statSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { Refusal } from "../../base/errors.ts";
import type { Authorization } from "./credential.ts";

/** One stat a second at most: a kubelet rotates a projected token at 80 % of an hour or more. */
const STAT_INTERVAL_MS = 1000;
/** How long the last good token outlives its file, for tools that rotate by remove and write. */
const GRACE_MS = 10_000;
const MAX_BYTES = 65_536;

/**
 * A bearer token in a file, read again when the file changes (device, inode, size or times: a kubelet swaps a
 * symbolic link). Where the file is gone, empty or no token for ten seconds, requests are refused.
 */
export function tokenFromFile(
  path: string,
  clock: Clock,
  at: string,
): { authorization: () => Authorization; invalidate: () => void } {
  let stamp = "";
  let header = "";
  let checkedAt = Number.NEGATIVE_INFINITY;
  let goodAt = Number.NEGATIVE_INFINITY;

  function check(now: number): unknown {
    checkedAt = now;
    try {
      const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
      const seen = `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
      if (seen !== stamp) {
        header = `Bearer ${readToken(path, size)}`;
        stamp = seen;
      }
      goodAt = now;
      return undefined;
    } catch (error) {
      stamp = "";
      return error;
    }
  }

  const failure = check(clock.now());
  if (failure !== undefined) throw new ConfigError(path, [{ path: at, message: reason(failure) }]);

  return {
    authorization() {
      const now = clock.now();
      if (now - checkedAt < STAT_INTERVAL_MS && stamp !== "") return header;
      const error = now - checkedAt < STAT_INTERVAL_MS ? undefined : check(now);
      if (stamp === "" && now - goodAt > GRACE_MS) {
        throw new Refusal("credential-unavailable", "the gateway's own credential for this cluster cannot be read", {
          next: "Tell the operator of the gateway: the token file of the connection is missing or empty.",
          cause: error,
        });
      }
      return header;
    },
    invalidate() {
      stamp = "";
      checkedAt = Number.NEGATIVE_INFINITY;
    },
  };
}

function readToken(path: string, size: number): string {
  if (size > MAX_BYTES) throw new Error("is too large for a token");
  const token = readFileSync(path, "utf8").trim();
  if (token === "") throw new Error("is empty");
  // RFC 6750 §2.1 b64token; the text itself is never in a message.
  if (!/^[A-Za-z0-9._~+/=-]+$/.test(token)) throw new Error("does not hold a bearer token");
  return token;
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "no such file";
  return code === undefined ? message : `cannot be read (${code})`;
}
