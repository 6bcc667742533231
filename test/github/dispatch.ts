import type { Accounts, Caller } from "./accounts.ts";
import type { RateLimits } from "./limits.ts";
import { syncPulls } from "./refs.ts";
import { type Answer, type Context, find, type Route } from "./router.ts";
import { archive } from "./routes/repository.ts";
import type { Shapes } from "./shapes.ts";
import { Fault, type State } from "./state.ts";

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Buffer;
  accept: string;
  authorization: string | undefined;
}
/** One request and what it was answered, for the test that holds both against the published description. */
export interface Exchange {
  method: string;
  /** The path as the description names it; undefined where the double has no such endpoint. */
  pattern: string | undefined;
  sent: unknown;
  status: number;
  /** Undefined where there is none, or it is no JSON. */
  body: unknown;
}
export type OnExchange = (exchange: Exchange) => void;

const DOCS = "https://docs.github.com/rest";
const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "x-github-media-type": "github.v3; format=json",
  "cache-control": "private, max-age=60, s-maxage=60",
};

export function failed(fault: Fault): Answer {
  const { status, message, errors } = fault;
  const body = { message, ...(errors && { errors }), documentation_url: DOCS, status: String(status) };
  return { status, body, headers: { ...HEADERS } };
}

export interface DispatchOptions {
  state: State;
  shapes: Shapes;
  accounts: Accounts;
  limits: RateLimits;
  routes: readonly Route[];
  onExchange?: OnExchange | undefined;
}

/** From a request to its answer: who asks, whether they may ask now, which endpoint, and what it says. */
export class Dispatch {
  /** What was asked and the double does not know: a test that passes for that reason is wrong. */
  readonly unknown: string[] = [];
  readonly #options: DispatchOptions;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** `conditional` makes a 304 of it, which costs nothing of the primary limit. */
  async answer(asked: Asked, conditional: (answer: Answer) => Answer): Promise<Answer> {
    const creates = asked.method !== "GET" && asked.method !== "HEAD" && !asked.path.endsWith("/access_tokens");
    const { accounts, limits } = this.#options;
    try {
      if (asked.path.startsWith("/codeload/")) return await this.#archive(asked.path.slice("/codeload/".length));
      const caller = await accounts.caller(asked.authorization);
      const refused = limits.refusal(caller.login, creates);
      if (refused !== undefined) {
        const answer = failed(new Fault(refused.status, refused.message));
        return { ...answer, headers: { ...answer.headers, ...limits.headers(caller.login), ...refused.headers } };
      }
      if (creates) limits.spend(caller.login, true);
      const answer = conditional(await this.#endpoint(asked, caller, creates));
      if (!creates && answer.status !== 304) limits.spend(caller.login, false);
      return { ...answer, headers: { ...answer.headers, ...limits.headers(caller.login) } };
    } catch (error) {
      if (error instanceof Fault) return failed(error);
      throw error;
    }
  }

  async #endpoint(asked: Asked, caller: Caller, creates: boolean): Promise<Answer> {
    const { state, shapes, routes, onExchange } = this.#options;
    const path = asked.path.replace(/^\/repositories\/1(?=\/|$)/, `/repos/${state.fullName}`);
    const found = find(routes, asked.method, path);
    let sent: Record<string, unknown> = {};
    let answer: Answer;
    try {
      const { owner, repo } = found?.params ?? {};
      const other = owner !== undefined && `${owner}/${repo}`.toLowerCase() !== state.fullName.toLowerCase();
      if (found === undefined) this.unknown.push(`${asked.method} ${asked.path}`);
      if (found === undefined || other) throw new Fault(404, "Not Found");
      // An app's own JWT is for asking about installations; all else is theirs.
      if (caller.kind === "app" && !/^\/app\b|\/installation$/.test(found.route.pattern)) {
        throw new Fault(403, "Resource not accessible by integration");
      }
      sent = parse(asked.body);
      const context: Context = {
        ...{ state, shapes, caller, params: found.params, query: asked.query, body: sent, accept: asked.accept },
        user: state.user(caller.login),
      };
      answer = creates
        ? await state.inTurn(async () => found.route.endpoint(context))
        : await this.#read(found.route, context);
      answer.headers = { ...HEADERS, ...answer.headers };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      answer = failed(error);
    }
    const { status, body } = answer;
    if (answer.raw === undefined) {
      onExchange?.({ method: asked.method, pattern: found?.route.pattern, sent, status, body });
    }
    return answer;
  }

  /** Pull requests follow their branches, which git may have moved on disk. */
  async #read(route: Route, context: Context): Promise<Answer> {
    const { state } = context;
    if (state.onDisk && /pulls|issues/.test(route.pattern))
      await state.inTurn(() => syncPulls(state, state.user("git")));
    return route.endpoint(context);
  }

  async #archive(oid: string): Promise<Answer> {
    if (!/^[0-9a-f]{40}$/.test(oid)) throw new Fault(404, "Not Found");
    return archive(this.#options, oid);
  }
}

function parse(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  try {
    const parsed: unknown = JSON.parse(body.toString());
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    throw new Fault(400, "Problems parsing JSON");
  }
  throw new Fault(422, "Invalid request.");
}
