import { readFileSync } from "node:fs";
import { Agent } from "undici";
import { isHttpsOrLoopback } from "../base/loopback.ts";

/** Discovery documents and key sets are some KB; a provider that sends more is broken or hostile. */
export const MAX_DOCUMENT_BYTES = 256 * 1024;
/** For one document, from connecting to the last byte: a caller waits for it. */
export const DOCUMENT_DEADLINE_MS = 5_000;

/** GETs a provider's JSON document. Redirects are not followed: a key set is where discovery says, or nowhere. */
export interface JsonFetcher {
  get(url: string): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** `caFile` replaces the system's authorities, as kube-apiserver's --oidc-ca-file does. */
export function createJsonFetcher(caFile?: string, deadlineMs: number = DOCUMENT_DEADLINE_MS): JsonFetcher {
  const ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
  const agent = new Agent({ connections: 2, connect: { ca, timeout: deadlineMs } });
  return {
    async get(url) {
      if (!isHttpsOrLoopback(url)) throw new Error(`${url} is not https`);
      const { origin, pathname, search } = new URL(url);
      const response = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: "GET",
        headers: { accept: "application/json" },
        signal: AbortSignal.timeout(deadlineMs),
      });
      // undici emits an error on a body that is destroyed before its end, and one without a listener ends the process.
      response.body.on("error", () => undefined);
      if (response.statusCode !== 200) {
        response.body.destroy();
        throw new Error(`${url} answered ${response.statusCode}`);
      }
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const part of response.body as AsyncIterable<Uint8Array>) {
        size += part.byteLength;
        if (size > MAX_DOCUMENT_BYTES) throw new Error(`${url} answered more than ${MAX_DOCUMENT_BYTES} bytes`);
        parts.push(part);
      }
      const document: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
      if (document === null || typeof document !== "object" || Array.isArray(document))
        throw new Error(`${url} did not answer a JSON object`);
      return document as Record<string, unknown>;
    },
    close: () => agent.destroy(),
  };
}
