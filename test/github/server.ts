import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Asked, type Dispatch, failed } from "./dispatch.ts";
import { Faults } from "./faults.ts";
import type { Answer } from "./router.ts";
import { Fault, type State } from "./state.ts";

export interface RequestSeen {
  method: string;
  path: string;
  /** 0: it got no answer. */
  status: number;
  /** Milliseconds since the epoch, in the double's time. */
  at: number;
}

const MOST_BODY = 25 * 1024 * 1024;

/** The transport: what reaches the double, what goes wrong on the way, and what is answered 304. */
export class GitHubServer {
  readonly requests: RequestSeen[] = [];
  readonly faults = new Faults();
  readonly #server: Server;
  readonly #basePath: string;
  readonly #now: () => number;
  #dispatch: Dispatch | undefined;
  #state: State | undefined;
  /** What `fetch` was answered, while nothing has changed since. */
  readonly #known = new Map<string, Answer>();
  #knownAt = -1;

  constructor(basePath: string, now: () => number) {
    this.#basePath = basePath;
    this.#now = now;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // Longer than any client keeps a connection: one that the server ends first is a failure that nobody asked for.
    this.#server.keepAliveTimeout = 120_000;
  }

  /** Resolves to the API's base URL. */
  async listen(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    await promise;
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#basePath}`;
  }

  serve(dispatch: Dispatch, state: State): void {
    this.#dispatch = dispatch;
    this.#state = state;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!this.#server.listening) return;
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://double");
    const method = request.method ?? "GET";
    const path = url.pathname.startsWith(this.#basePath) ? url.pathname.slice(this.#basePath.length) : "/";
    const seen: RequestSeen = { method, path: path + url.search, status: 0, at: this.#now() };
    this.requests.push(seen);
    const how = this.faults.take(method, path);
    const goesOn = (await this.faults.watch?.(method, path, "before")) ?? true;
    if (how === "before" || !goesOn) {
      request.socket.destroy();
      return;
    }
    // It is never answered; whoever waits gives up, or the double closes.
    if (how === "hang" || this.#dispatch === undefined) return;
    try {
      const body = await read(request);
      const { authorization, accept = "" } = request.headers;
      const asked: Asked = { method, path, query: url.searchParams, body, accept, authorization };
      const answer =
        how === "500"
          ? failed(new Fault(500, "Server Error"))
          : how === "422"
            ? failed(new Fault(422, "Validation Failed"))
            : await this.#dispatch.answer(asked, (answer) => this.#unchanged(request, answer));
      await this.faults.watch?.(method, path, "after");
      if (how === "after" || this.faults.isDown) {
        request.socket.destroy();
        return;
      }
      seen.status = answer.status;
      response.writeHead(answer.status, answer.headers);
      response.end(payload(answer));
    } catch (error) {
      // A mistake of the double's own: shown where the test looks, and no answer of GitHub's.
      process.stderr.write(`the double of GitHub failed on ${method} ${path}: ${(error as Error).stack}\n`);
      seen.status = 500;
      response.writeHead(500).end();
    }
  }

  /** The same without a socket, for runs of thousands: what fetch would resolve with. Faults are not looked at. */
  async fetch(url: URL, init: RequestInit): Promise<Response> {
    const { method = "GET", body } = init;
    const path = url.pathname.slice(this.#basePath.length);
    this.requests.push({ method, path: path + url.search, status: 0, at: this.#now() });
    const headers = new Headers(init.headers);
    const asked: Asked = {
      method,
      path,
      query: url.searchParams,
      body: Buffer.from(typeof body === "string" ? body : ""),
      accept: headers.get("accept") ?? "",
      authorization: headers.get("authorization") ?? undefined,
    };
    const whole = await this.#whole(asked, url.search);
    const same = whole.headers?.etag !== undefined && headers.get("if-none-match") === whole.headers.etag;
    const answer = same ? { ...whole, status: 304 } : whole;
    const bodiless = answer.status === 204 || answer.status === 304;
    return new Response(bodiless ? null : payload(answer), {
      status: answer.status,
      ...(answer.headers === undefined ? {} : { headers: answer.headers }),
    });
  }

  async #whole(asked: Asked, search: string): Promise<Answer> {
    const { method, path, authorization, accept } = asked;
    if (this.#dispatch === undefined || this.#state === undefined) throw new Error("the double does not serve yet");
    const { changes, onDisk } = this.#state;
    if (this.#knownAt !== changes || onDisk) this.#known.clear();
    this.#knownAt = changes;
    const key = `${path}${search} ${accept} ${authorization}`;
    const known = method === "GET" ? this.#known.get(key) : undefined;
    if (known !== undefined) return known;
    const answer = await this.#dispatch.answer(asked, (one) =>
      this.#unchanged({ method, headers: { authorization } }, one),
    );
    if (method === "GET" && this.#state.changes === changes) this.#known.set(key, answer);
    return answer;
  }

  /** Gives a GET its ETag, and answers 304 to who has it already. */
  #unchanged(request: Pick<IncomingMessage, "method" | "headers">, answer: Answer): Answer {
    if (request.method !== "GET" || answer.status !== 200) return answer;
    const whose = request.headers.authorization ?? "";
    const etag = `W/"${createHash("sha256").update(payload(answer)).update(whose).digest("hex")}"`;
    const headers = { ...answer.headers, etag };
    const same = (request.headers["if-none-match"] ?? "").split(/,\s*/).includes(etag);
    return same ? { status: 304, headers } : { ...answer, headers };
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MOST_BODY) throw new Error("more than GitHub takes");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

const rendered = new WeakMap<object, string>();
function payload(answer: Answer): Buffer | string {
  if (answer.raw !== undefined) return answer.raw;
  if (answer.body === undefined) return "";
  const { body } = answer;
  if (typeof body !== "object" || body === null) return JSON.stringify(body);
  const known = rendered.get(body) ?? JSON.stringify(body);
  rendered.set(body, known);
  return known;
}
