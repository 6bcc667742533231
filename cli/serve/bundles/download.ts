import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Agent } from "undici";
import { errorMessage, UserError } from "../../../base/errors.ts";
import { shownUrl } from "../../../base/loopback.ts";

/** What a server that knows long polling says of its answer (OPA, "HTTP Long Polling"). */
const LONG_POLL_TYPE = "application/vnd.openpolicyagent.bundles";

export interface Download {
  /** Undefined: what the ETag names is what is there (304). */
  archive?: Uint8Array;
  etag: string;
  /** The server keeps a request until there is something new, where asked to. */
  longPoll: boolean;
}

export interface DownloadOptions {
  tokenFile?: string | undefined;
  /** Replaces the system's authorities. */
  caFile?: string | undefined;
  deadlineMs: number;
  maxBytes: number;
}

/** GETs bundles as OPA's bundle API has it (openpolicyagent.org, "Bundle Service API"): ETag, 304, Prefer: wait. */
export class BundleClient {
  readonly #url: string;
  readonly #options: DownloadOptions;
  readonly #agent: Agent;

  constructor(url: string, options: DownloadOptions) {
    this.#url = url;
    this.#options = options;
    const ca = options.caFile === undefined ? undefined : readFileSync(options.caFile, "utf8");
    // undici's own limits on silence would end a long poll; the deadline below ends everything.
    const limits = { headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 16_384 };
    this.#agent = new Agent({ connections: 1, connect: { ca, timeout: options.deadlineMs }, ...limits });
  }

  /** Throws a UserError (exit 3) that says why there is none. `waitSeconds`: how long the server may think about it. */
  async get(etag: string, waitSeconds: number, signal: AbortSignal): Promise<Download> {
    const { deadlineMs } = this.#options;
    const late = AbortSignal.timeout(deadlineMs + waitSeconds * 1000);
    try {
      return await this.#get(etag, waitSeconds, AbortSignal.any([signal, late]));
    } catch (error) {
      if (error instanceof UserError || signal.aborted) throw error;
      const why = late.aborted ? `it did not answer within ${deadlineMs / 1000} s` : errorMessage(error);
      throw this.#failure(why, error);
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #get(etag: string, waitSeconds: number, signal: AbortSignal): Promise<Download> {
    const { origin, pathname, search } = new URL(this.#url);
    const { statusCode, headers, body } = await this.#agent.request({
      origin,
      path: `${pathname}${search}`,
      method: "GET",
      headers: await this.#headers(etag, waitSeconds),
      signal,
    });
    // undici emits an error on a body that is destroyed before its end, and one without a listener ends the process.
    body.on("error", () => undefined);
    try {
      const found = text(headers.etag);
      if (statusCode === 304) return { etag: found === "" ? etag : found, longPoll: waitSeconds > 0 };
      if (statusCode !== 200) throw this.#failure(`it answered ${statusCode}`, undefined, hint(statusCode));
      const archive = await this.#read(body);
      return { archive, etag: found, longPoll: text(headers["content-type"]) === LONG_POLL_TYPE };
    } finally {
      body.destroy();
    }
  }

  async #headers(etag: string, waitSeconds: number): Promise<Record<string, string>> {
    const { tokenFile } = this.#options;
    const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, "utf8")).trim();
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) throw this.#failure(`${tokenFile} holds no token`);
    return {
      // A patch of the bundle before (delta) is asked for by no one: what serves is what was signed, whole.
      prefer: waitSeconds > 0 ? `modes=snapshot;wait=${waitSeconds}` : "modes=snapshot",
      "user-agent": "sallyport",
      ...(etag === "" ? {} : { "if-none-match": etag }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  async #read(body: AsyncIterable<unknown>): Promise<Uint8Array> {
    const { maxBytes } = this.#options;
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of body as AsyncIterable<Uint8Array>) {
      size += part.byteLength;
      if (size > maxBytes) throw this.#failure(`it is larger than policy.fetch.maxBytes, ${maxBytes} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  #failure(why: string, cause?: unknown, next?: string): UserError {
    return new UserError(`the policy bundle ${shownUrl(this.#url)} cannot be had: ${why}`, {
      cause,
      ...(next === undefined ? {} : { next }),
    });
  }
}

function hint(status: number): string | undefined {
  if (status === 401 || status === 403) return "Name a file with a token that may read it: policy.fetch.tokenFile.";
  // A credential goes where the configuration says, and nowhere else.
  return status >= 300 && status < 400 ? "Redirects are not followed: name the URL itself." : undefined;
}

function text(header: string | string[] | undefined): string {
  return Array.isArray(header) ? (header[0] ?? "") : (header ?? "");
}
