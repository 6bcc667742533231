import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Accounts, APP, appKey, BOT } from "./accounts.ts";
import { Dispatch, type OnExchange } from "./dispatch.ts";
import type { Faults } from "./faults.ts";
import { type Limits, RateLimits } from "./limits.ts";
import { Person } from "./people.ts";
import { compile, type Route } from "./router.ts";
import { accountRoutes } from "./routes/accounts.ts";
import { gitRoutes } from "./routes/git.ts";
import { pullRoutes } from "./routes/pulls.ts";
import { repositoryRoutes } from "./routes/repository.ts";
import { GitHubServer, type RequestSeen } from "./server.ts";
import { Shapes } from "./shapes.ts";
import { type Protection, type Settings, State } from "./state.ts";
import { Webhooks } from "./webhooks.ts";

export interface GitHubOptions {
  /** `owner/name`; acme/policy-exceptions where absent. */
  repository?: string;
  branch?: string;
  /** In memory, with nothing for git to read: for runs of thousands. On disk where absent. */
  memory?: boolean;
  /** Asked by `fetch` alone, and its pull requests without their repository: for runs of thousands. */
  lean?: boolean;
  /** Where the bare repository is, or is to be; a temporary folder of the double's own where absent. */
  path?: string;
  /** What is on the branch at first, by path. */
  files?: Record<string, string>;
  /** The time that is written into what GitHub keeps. */
  now?: () => number;
  /** GitHub's own where absent: 80 a minute, 500 an hour, 5,000 requests an hour. Counted by the wall clock, as a client does. */
  limits?: Partial<Limits> | "none";
  /** A clock for the limits, in place of that. */
  limitsNow?: () => number;
  /** A path before all others, as GitHub Enterprise Server's `/api/v3`. */
  basePath?: string;
  onExchange?: OnExchange;
}

/** GitHub's REST API over one real bare repository, on loopback and in this process. */
export interface GitHubDouble {
  /** The API's base URL; the account of the pull requests that the app opens is `bot`. */
  url: string;
  repository: string;
  bot: string;
  /** The bare repository's folder. Git may read and write it; "" in memory. */
  path: string;
  app: { appId: number; installationId: number; privateKeyFile: string };
  /** Of the gateway's own account, `sallyport-gateway`. */
  tokenFile: string;
  /** A personal access token of somebody. */
  token(login: string): string;
  webhookSecret: string;
  webhookSecretFile: string;
  webhooks: Webhooks;
  setWebhook(url: string | undefined): void;
  as(login: string): Person;
  requests: RequestSeen[];
  /** Requests that were not a GET and count as content: tokens do not. */
  mutations(): number;
  /** Asks it without a socket. */
  fetch(url: URL, init: RequestInit): Promise<Response>;
  /** What it answers. */
  routes: readonly Route[];
  /** What was asked of it that it does not know. */
  unknown: string[];
  /** Each may be changed while it runs. */
  limits: Limits;
  fault: Faults;
  protection: Protection | undefined;
  settings: Settings;
  /** What the app is granted; a permission that is deleted is refused with 403. */
  permissions: Record<string, string>;
  /** All tokens of installations are none from now on. */
  expireTokens(): void;
  codeowners(text: string): Promise<void>;
  /** `organisation/team`, and who is in it; `pending` is invited, and no member. */
  team(name: string, logins: string[], membership?: "active" | "pending"): void;
  /** The state itself, for what has no method here. */
  state: State;
  close(): Promise<void>;
}

const LIMITS: Limits = { perMinute: 80, perHour: 500, primary: 5000, points: Number.POSITIVE_INFINITY };
const NO_LIMITS: Limits = {
  perMinute: Number.POSITIVE_INFINITY,
  perHour: Number.POSITIVE_INFINITY,
  primary: Number.POSITIVE_INFINITY,
  points: Number.POSITIVE_INFINITY,
};
export const GUARDED: Protection = {
  by: "classic",
  reviews: 1,
  codeOwners: true,
  dismissStale: true,
  lastPush: true,
  enforceAdmins: true,
};

export async function startGitHub(options: GitHubOptions = {}): Promise<GitHubDouble> {
  const { repository = "acme/policy-exceptions", branch = "main", memory = false, now = Date.now } = options;
  const { files = { "README.md": "# Policy exceptions\n" }, basePath = "" } = options;
  const [owner = "", name = ""] = repository.split("/");
  const folder = mkdtempSync(join(tmpdir(), "sallyport-github-"));
  const path = memory ? undefined : (options.path ?? join(folder, `${name}.git`));
  if (path !== undefined) mkdirSync(path, { recursive: true });
  const state = await State.open({ owner, name, branch, now, ...(path !== undefined && { path }) });
  const accounts = new Accounts();
  const limits = { ...(options.limits === "none" ? NO_LIMITS : { ...LIMITS, ...options.limits }) };
  const rates = new RateLimits(limits, options.limitsNow ?? Date.now);
  const server = new GitHubServer(basePath, now);
  const { lean = false } = options;
  const url = lean ? `http://double.invalid${basePath}` : await server.listen();
  const shapes = new Shapes(state, url, lean);
  const rate = (login: string) => {
    const headers = rates.headers(login);
    const number = (key: string) => Number(headers[`x-ratelimit-${key}`]);
    return { limit: number("limit"), remaining: number("remaining"), used: number("used"), reset: number("reset") };
  };
  const account = accountRoutes(
    () => accounts.permissions,
    () => accounts.installation(),
    rate,
  );
  const routes = compile(account, gitRoutes, pullRoutes, repositoryRoutes);
  const dispatch = new Dispatch({ state, shapes, accounts, limits: rates, routes, onExchange: options.onExchange });
  server.serve(dispatch, state);
  const webhookSecret = "a-secret-of-the-webhook";
  const webhooks = new Webhooks(webhookSecret);
  state.announce = (event, action, details) => webhooks.announce(shapes, event, action, details);
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const as = (login: string) => new Person(state, login);
  if ((await state.git.ref(`refs/heads/${branch}`)) === undefined) {
    await as(owner).push(branch, files, { message: "Set up policy exceptions" });
  }

  return {
    url,
    repository,
    bot: BOT,
    path: path ?? "",
    app: {
      appId: APP.appId,
      installationId: APP.installationId,
      privateKeyFile: file("app.pem", appKey().privateKey),
    },
    tokenFile: file("token", accounts.personal("sallyport-gateway")),
    token: (login) => accounts.personal(login),
    webhookSecret,
    webhookSecretFile: file("webhook-secret", webhookSecret),
    webhooks,
    setWebhook: (to) => {
      webhooks.url = to;
    },
    as,
    requests: server.requests,
    mutations: () =>
      server.requests.filter(({ method, path }) => method !== "GET" && !path.endsWith("/access_tokens")).length,
    fetch: (to, init) => server.fetch(to, init),
    routes,
    unknown: dispatch.unknown,
    limits,
    fault: server.faults,
    get protection() {
      return state.protection;
    },
    set protection(wanted) {
      state.protection = wanted;
    },
    settings: state.settings,
    permissions: accounts.permissions,
    expireTokens: () => accounts.expireInstallations(),
    codeowners: async (text) => {
      await as(owner).push(branch, { ".github/CODEOWNERS": text });
    },
    team: (team, logins, membership = "active") => {
      state.teams.set(team.toLowerCase(), new Map(logins.map((login) => [login.toLowerCase(), membership])));
    },
    state,
    close: async () => {
      await webhooks.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
