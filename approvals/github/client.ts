import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { Agent, fetch as undiciFetch } from "undici";
import { z } from "zod";
import { errorMessage, Refusal, UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { ContentBudget, type Priority } from "./budget.ts";
import { EtagCache } from "./etags.ts";
import { isLimited, statusOf, waitOf } from "./failures.ts";

export const DOT_COM = "https://api.github.com";
/** What GitHub documents as the version of the shapes that wire.ts reads. */
const API_VERSION = "2022-11-28";
/** One answer, from connecting to its last byte: a hold's caller waits for several of them. */
const DEADLINE_MS = 10_000;
/** A tarball of ten thousand exceptions. */
const LONG_DEADLINE_MS = 60_000;
const RETRY_MS = 250;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** 30,000 refs or pull requests: more than that is no list that anybody reads. */
const MOST_PAGES = 300;

export type GitHubCredential =
  | { appId: number; installationId: number; privateKeyFile: string }
  | { tokenFile: string };

export interface ClientOptions {
  credential: GitHubCredential;
  /** `owner/name`. */
  repository: string;
  /** The API of a GitHub Enterprise Server: `https://github.example.com/api/v3`. */
  baseUrl?: string | undefined;
  /** Authorities that replace the system's. */
  caFile?: string | undefined;
  log: Log;
  /** For tests: where content creations are counted, and how long one answer may take. */
  budget?: ContentBudget;
  deadlineMs?: number;
  /** In place of the network. */
  fetch?: typeof fetch;
}

type Parameters = Record<string, unknown>;

/**
 * GitHub's REST API as the home uses it: GETs are asked again once and are conditional, every answer is parsed by the
 * schema of what is read from it, and whatever is no GET waits for the content budget and is sent once.
 */
export class GitHubClient {
  /** Whose pull requests are ours: `<slug>[bot]` of an App, else the token's login. */
  login = "";
  readonly budget: ContentBudget;
  readonly owner: string;
  readonly repo: string;
  readonly #octokit: Octokit;
  readonly #agent: Agent;
  readonly #etags = new EtagCache();
  readonly #deadlineMs: number;
  readonly #log: Log;
  readonly #app: boolean;

  private constructor(options: ClientOptions) {
    const [owner = "", repo = ""] = options.repository.split("/");
    this.owner = owner;
    this.repo = repo;
    this.budget = options.budget ?? new ContentBudget();
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#log = options.log;
    this.#app = "appId" in options.credential;
    const ca = options.caFile === undefined ? undefined : readFileSync(options.caFile, "utf8");
    this.#agent = new Agent({
      connections: 16,
      connect: { ca, timeout: this.#deadlineMs },
      maxResponseSize: MAX_ANSWER_BYTES,
      headersTimeout: LONG_DEADLINE_MS,
      bodyTimeout: LONG_DEADLINE_MS,
    });
    this.#octokit = octokitOf(options, this.#agent);
    this.#octokit.hook.wrap(
      "request",
      (request, asked) => this.#etags.conditional(request as never, asked as never) as never,
    );
  }

  /** Throws a UserError where the credential is not one, or GitHub does not know it. */
  static async open(options: ClientOptions): Promise<GitHubClient> {
    const client = new GitHubClient(options);
    try {
      client.login = client.#app
        ? `${(await client.get("GET /app", {}, z.object({ slug: z.string() }))).slug}[bot]`
        : (await client.get("GET /user", {}, z.object({ login: z.string() }))).login;
      return client;
    } catch (error) {
      await client.close();
      throw new UserError(`GitHub does not take the credential of approvals: ${errorMessage(error)}`, {
        next: "Check appId, installationId and privateKeyFile (or tokenFile), and baseUrl, of approvals in sallyport.yaml.",
        cause: error,
      });
    }
  }

  /** One GET. Throws what GitHub answered; a ZodError where the answer is not what is documented. */
  async get<T>(route: string, parameters: Parameters, schema: z.ZodType<T>): Promise<T> {
    return schema.parse((await this.#ask(route, parameters)).data);
  }

  /** The same; undefined where there is none (404). */
  async find<T>(route: string, parameters: Parameters, schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      return await this.get(route, parameters, schema);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /**
   * All pages of a list, or as many as `more` wants. The plugin of octokit takes a 409 for the end of the list; here
   * it is an error, since what was not listed would count as not there.
   */
  async list<T>(
    route: string,
    parameters: Parameters,
    item: z.ZodType<T>,
    more: (page: T[]) => boolean = () => true,
  ): Promise<T[]> {
    const all: T[] = [];
    for (let page = 1; page <= MOST_PAGES; page++) {
      // The first page is asked for without a number, as GitHub's own links do.
      const at = page === 1 ? {} : { page };
      const { data, headers } = await this.#ask(route, { per_page: 100, ...parameters, ...at });
      const items = z.array(item).parse(data);
      all.push(...items);
      if (!/<[^<>]+>;\s*rel="next"/.test(String(headers.link ?? "")) || !more(items)) return all;
    }
    throw new Error(`${route} lists more than ${MOST_PAGES} pages`);
  }

  /** A tarball of a commit. GitHub redirects to another host, where fetch takes no credential along. */
  async tarball(ref: string): Promise<Uint8Array> {
    const { data } = await this.#ask(
      "GET /repos/{owner}/{repo}/tarball/{ref}",
      { ref, request: { redirect: "follow" } },
      LONG_DEADLINE_MS,
    );
    if (data instanceof ArrayBuffer && data.byteLength > 0) return new Uint8Array(data);
    throw new Error("GitHub answered no tarball");
  }

  /**
   * Sends what is not a GET, once, when the content budget has room for its priority.
   * Throws Refusal `approvals-unavailable` where it has none; what GitHub answered otherwise.
   */
  async send<T>(priority: Priority, route: string, parameters: Parameters, schema: z.ZodType<T>): Promise<T> {
    await this.budget.take(priority);
    try {
      const { data } = await this.#ask(route, parameters);
      return schema.parse(data);
    } catch (error) {
      if (!isLimited(error)) throw error;
      const until = this.budget.block(waitOf(error));
      throw new Refusal("approvals-unavailable", `GitHub takes nothing from the gateway until ${until}`, {
        next: "Run the command again after that.",
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    this.budget.close();
    await this.#agent.destroy();
  }

  async #ask(
    route: string,
    parameters: Parameters,
    deadlineMs = this.#deadlineMs,
  ): Promise<{ data: unknown; headers: Record<string, unknown> }> {
    const request = { signal: AbortSignal.timeout(deadlineMs), ...(parameters.request as object | undefined) };
    const started = performance.now();
    try {
      const repository = route.includes("{owner}") ? { owner: this.owner, repo: this.repo } : {};
      const ask = () => this.#octokit.request(route, { ...repository, ...parameters, request });
      // Once more, and a GET only; octokit's plugin for it takes 7 ms of timers for each request, asked again or not.
      return await ask().catch(async (error: unknown) => {
        if (!route.startsWith("GET ") || statusOf(error) !== 0 || request.signal.aborted) throw error;
        await setTimeout(RETRY_MS, undefined, { ref: false });
        return ask();
      });
    } finally {
      this.#log.debug("asked GitHub", { route, ms: Math.round(performance.now() - started) });
    }
  }
}

function octokitOf({ credential, baseUrl = DOT_COM, log, fetch: given }: ClientOptions, agent: Agent): Octokit {
  const quiet = {
    debug() {},
    info() {},
    warn: (text: string) => log.debug(text),
    error: (text: string) => log.debug(text),
  };
  const fetchWith: typeof fetch = (url, init) =>
    undiciFetch(url as string, { ...(init as object), dispatcher: agent }) as unknown as Promise<Response>;
  const shared = {
    baseUrl: baseUrl.replace(/\/$/, ""),
    userAgent: "sallyport",
    log: quiet,
    // A repository that was moved is another one, and nobody said that it is ours.
    request: { fetch: given ?? fetchWith, redirect: "error" as const },
  };
  const octokit = new Octokit(
    "appId" in credential
      ? {
          ...shared,
          authStrategy: createAppAuth,
          auth: {
            appId: credential.appId,
            installationId: credential.installationId,
            privateKey: readFileSync(credential.privateKeyFile, "utf8"),
          },
        }
      : shared,
  );
  octokit.hook.before("request", (asked) => {
    asked.headers["x-github-api-version"] = API_VERSION;
    // Read again for each request: a token is rotated by writing its file.
    if ("tokenFile" in credential) {
      asked.headers.authorization = `Bearer ${readFileSync(credential.tokenFile, "utf8").trim()}`;
    }
  });
  return octokit;
}
