import { Agent } from "undici";
import { Refusal } from "../../base/errors.ts";
import { uuid7 } from "../../base/uuid7.ts";
import type { Account } from "./credential.ts";

/** A request of an agent may wait for this call. */
const DEADLINE_MS = 5000;
const MAX_ANSWER_BYTES = 1_048_576;

/** One call that the gateway made in its own name, for the record: it holds no body and no token. */
export interface CallReport {
  /** Its own, sent as Audit-ID, so that the API server's audit log and ours match one to one. */
  exchangeId: string;
  /** Kubernetes verb. */
  verb: string;
  /** Without the query. */
  path: string;
  /** 0 where no answer came. */
  status: number;
  /** Milliseconds since the epoch. */
  at: number;
  durationUs: number;
  /** The session that it was made for. */
  sessionId?: string;
}

export interface OwnCall {
  verb: string;
  method: "GET" | "POST" | "DELETE";
  path: string;
  body?: unknown;
  sessionId?: string;
}

/** Calls an API server as the gateway's own account. */
export interface Caller {
  /** The status and JSON of any answer. Rejects with Refusal `credential-unavailable` where none came within 5 s. */
  call(call: OwnCall): Promise<{ status: number; json: Record<string, unknown> }>;
  close(): Promise<void>;
}

export function createCaller(options: {
  server: string;
  account: Account;
  onCall?: (call: CallReport) => void;
}): Caller {
  const { origin, pathname } = new URL(options.server);
  const prefix = pathname.replace(/\/+$/, "");
  const agent = new Agent({
    allowH2: false,
    connect: { ...options.account.tls, timeout: DEADLINE_MS },
    connections: 8,
  });
  return {
    async call({ verb, method, path, body, sessionId }) {
      const exchangeId = uuid7();
      const at = Date.now();
      const started = performance.now();
      let status = 0;
      try {
        const authorization = await options.account.authorization();
        const headers: Record<string, string> = { accept: "application/json", "audit-id": exchangeId };
        if (authorization !== undefined) headers.authorization = authorization;
        if (body !== undefined) headers["content-type"] = "application/json";
        const response = await agent.request({
          origin,
          path: `${prefix}${path}`,
          method,
          headers,
          body: body === undefined ? undefined : JSON.stringify(body),
          signal: AbortSignal.timeout(DEADLINE_MS),
        });
        // undici emits an error on a body that is left before its end; unheard, it would end the process.
        response.body.on("error", () => undefined);
        status = response.statusCode;
        if (status === 401) options.account.invalidate();
        return { status, json: parseObject(await read(response.body)) };
      } catch (error) {
        if (error instanceof Refusal) throw error;
        throw new Refusal("credential-unavailable", "the cluster did not answer the gateway's own call", {
          next: "Try again; if it stays so, tell the operator of the gateway.",
          cause: error,
        });
      } finally {
        const durationUs = Math.round((performance.now() - started) * 1000);
        const [reported = path] = path.split("?", 1);
        const report: CallReport = { exchangeId, verb, path: reported, status, at, durationUs };
        if (sessionId !== undefined) report.sessionId = sessionId;
        options.onCall?.(report);
      }
    },
    close: () => agent.destroy(),
  };
}

async function read(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new Error("the answer is larger than 1 MiB");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
  } catch {
    // A proxy's HTML error page: the status says enough, and a parser's message would quote the text.
    return {};
  }
}
