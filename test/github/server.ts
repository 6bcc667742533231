import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Accounts } from "./accounts.ts";
import { Faults } from "./faults.ts";
import type { RateLimits } from "./limits.ts";
import { syncPulls } from "./refs.ts";
import { type Answer, type Context, find, type Route } from "./router.ts";
import { archive } from "./routes/repository.ts";
import type { Shapes } from "./shapes.ts";
import { Fault, type State } from "./state.ts";

export interface RequestSeen {
  method: string;
  path: string;
  /** 0: it got no answer. */
  status: number;
  /** Milliseconds since the epoch, in the double's time. */
  at: number;
}
/** An answer as it was sent, for the test that holds them against the published description. */
export type OnAnswer = (
  asked: { method: string; pattern: string; path: string },
  answer: { status: number; body: unknown },
) => void;

const MOST_BODY = 25 * 1024 * 1024;
const DOCS = "https://docs.github.com/rest";

export class GitHubServer {
  readonly requests: RequestSeen[] = [];
  /** What was asked and the double does not know: a test that passes for that reason is wrong. */
  readonly unknown: string[] = [];
  readonly faults = new Faults();
  onAnswer: OnAnswer | undefined;
  readonly #server: Server;
  readonly #state: State;
  readonly #accounts: Accounts;
  readonly #limits: RateLimits;
  readonly #basePath: string;
  shapes: Shapes | undefined;
  routes: Route[] = [];

  constructor(state: State, accounts: Accounts, limits: RateLimits, basePath: string) {
    this.#state = state;
    this.#accounts = accounts;
    this.#limits = limits;
    this.#basePath = basePath;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // Longer than any client keeps a connection: one that the server ends first is a failure that nobody asked for.
    this.#server.keepAliveTimeout = 120_000;
  }

  async listen(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    await promise;
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#basePath}`;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://double");
    const method = request.method ?? "GET";
    const path = url.pathname.startsWith(this.#basePath) ? url.pathname.slice(this.#basePath.length) : url.pathname;
    const seen: RequestSeen = { method, path: path + url.search, status: 0, at: this.#state.now() };
    this.requests.push(seen);
    const how = this.faults.take(method, path);
    if (how === "before") return void request.socket.destroy();
    // It is never answered; whoever waits gives up, or the double closes.
    if (how === "hang") return;
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of request) {
        size += (chunk as Buffer).length;
        if (size > MOST_BODY) return void request.socket.destroy();
        chunks.push(chunk as Buffer);
      }
      const answer = await this.#answer(request, method, path, url.searchParams, Buffer.concat(chunks), how);
      seen.status = answer.status;
      if (how === "after" || this.faults.isDown) return void request.socket.destroy();
      response.writeHead(answer.status, answer.headers);
      response.end(answer.payload);
    } catch (error) {
      // A mistake of the double's own: shown where the test looks, and no answer of GitHub's.
      process.stderr.write(`the double of GitHub failed on ${method} ${path}: ${(error as Error).stack}\n`);
      seen.status = 500;
      response.writeHead(500).end();
    }
  }

  async #answer(
    request: IncomingMessage,
    method: string,
    path: string,
    query: URLSearchParams,
    body: Buffer,
    how: string | undefined,
  ): Promise<{ status: number; headers: Record<string, string>; payload: Buffer | string }> {
    let account: string | undefined;
    let answer: Answer;
    let pattern = path;
    const creates = method !== "GET" && method !== "HEAD" && !path.endsWith("/access_tokens");
    try {
      if (how === "500") throw new Fault(500, "Server Error");
      if (how === "422") throw new Fault(422, "Validation Failed");
      if (path.startsWith("/codeload/")) answer = await this.#archive(path.slice("/codeload/".length));
      else {
        const caller = await this.#accounts.caller(request.headers.authorization);
        account = caller.login;
        const refused = this.#limits.refusal(account, creates);
        if (refused !== undefined) {
          answer = {
            status: refused.status,
            headers: refused.headers,
            body: { message: refused.message, documentation_url: DOCS },
          };
          account = undefined;
          const headers = this.#limits.headers(caller.login);
          return this.#send({ ...answer, headers: { ...headers, ...refused.headers } }, request);
        }
        const real = path.replace(/^\/repositories\/1(?=\/|$)/, `/repos/${this.#state.fullName}`);
        const found = find(this.routes, method, real);
        const { owner, repo } = found?.params ?? {};
        const other = owner !== undefined && `${owner}/${repo}`.toLowerCase() !== this.#state.fullName.toLowerCase();
        if (found === undefined) this.unknown.push(`${method} ${path}`);
        if (found === undefined || other || this.shapes === undefined) throw new Fault(404, "Not Found");
        pattern = found.route.pattern;
        const context: Context = {
          state: this.#state,
          shapes: this.shapes,
          caller,
          user: this.#state.user(caller.login),
          params: found.params,
          query,
          body: parse(body),
          accept: request.headers.accept ?? "",
        };
        answer = creates
          ? await this.#state.inTurn(async () => found.route.endpoint(context))
          : await this.#read(found.route, context);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { status, message, errors } = error;
      answer = {
        status,
        body: { message, ...(errors && { errors }), documentation_url: DOCS, status: String(status) },
      };
    }
    const sent = this.#send(answer, request);
    if (account !== undefined) {
      this.#limits.spend(account, creates, sent.status);
      Object.assign(sent.headers, this.#limits.headers(account));
    }
    if (answer.raw === undefined)
      this.onAnswer?.({ method, pattern, path }, { status: sent.status, body: answer.body });
    return sent;
  }

  /** Pull requests follow their branches, which git may have moved on disk. */
  async #read(route: Route, context: Context): Promise<Answer> {
    if (/pulls|issues/.test(route.pattern)) {
      await this.#state.inTurn(() => syncPulls(this.#state, this.#state.user("git")));
    }
    return route.endpoint(context);
  }

  async #archive(oid: string): Promise<Answer> {
    if (this.shapes === undefined || !/^[0-9a-f]{40}$/.test(oid)) throw new Fault(404, "Not Found");
    return archive({ state: this.#state, shapes: this.shapes } as Context, oid);
  }

  #send(
    answer: Answer,
    request: IncomingMessage,
  ): { status: number; headers: Record<string, string>; payload: Buffer | string } {
    const payload = answer.raw ?? (answer.body === undefined ? "" : JSON.stringify(answer.body));
    const headers: Record<string, string> = {
      "content-type": "application/json; charset=utf-8",
      "x-github-media-type": "github.v3; format=json",
      "x-github-request-id": "0000:0000:0000:0000",
      "cache-control": "private, max-age=60, s-maxage=60",
      ...answer.headers,
    };
    if (request.method !== "GET" || answer.status !== 200) return { status: answer.status, headers, payload };
    const etag = `W/"${createHash("sha256")
      .update(payload)
      .update(request.headers.authorization ?? "")
      .digest("hex")}"`;
    headers.etag = etag;
    const same = (request.headers["if-none-match"] ?? "").split(/,\s*/).includes(etag);
    return same ? { status: 304, headers, payload: "" } : { status: 200, headers, payload };
  }
}

function parse(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  try {
    const parsed: unknown = JSON.parse(body.toString());
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
    throw new Fault(422, "Invalid request.");
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(400, "Problems parsing JSON");
  }
}
