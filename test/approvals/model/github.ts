import { ContentBudget } from "../../../approvals/github/budget.ts";
import { openGitHubHome } from "../../../approvals/github/home.ts";
import type { Approval, ApprovalHome } from "../../../approvals/types.ts";
import { Refusal } from "../../../base/errors.ts";
import { silentLog } from "../../../base/log.ts";
import { type GitHubDouble, GUARDED, startGitHub } from "../../github/double.ts";
import { Fault } from "../../github/state.ts";
import { bob, people } from "../suite/fixtures.ts";
import type { MakeModelHome, ModelHomeOptions } from "./home.ts";
import type { Process } from "./turns.ts";
import { inRealTime } from "./virtual-time.ts";

const HMAC_KEY = Buffer.alloc(32, 7);
const TEAM = "acme/oncall";

/** The home on GitHub, on the double in memory. People act on GitHub, whatever becomes of the gateways. */
export const onGitHub: MakeModelHome = async (options) => {
  const github = await startGitHub({ memory: true, lean: true, limits: "none", now: () => options.time.now() });
  github.protection = { ...GUARDED, reviews: 0, codeOwners: false };
  github.team(TEAM, ["alice", "bob", "dora"]);
  return {
    throughGateway: false,
    revokesAtOnce: false,
    forgetsTheOver: true,
    open: (process) =>
      openGitHubHome({
        repository: github.repository,
        credential: { tokenFile: github.tokenFile },
        baseUrl: github.url,
        teams: { "corp:oncall": TEAM },
        hmacKeys: [HMAC_KEY],
        people,
        log: silentLog,
        url: (name) => `https://sallyport.test/approvals/${name}`,
        clock: options.time,
        budget: new ContentBudget({ limits: { minute: 1e9, hour: 1e9 } }),
        fetch: fetchInTurns(github, process, options),
      }),
    approve: (approval) =>
      onPull(github, approval, async (bobs, number) => {
        await bobs.review(number, { state: "APPROVED", body: "fine" });
        await bobs.merge(number);
      }),
    deny: (approval) =>
      onPull(github, approval, async (bobs, number) => {
        await bobs.close(number);
        // There is nothing to close of what was merged.
        if (github.state.pull(number).mergedAt !== undefined) throw new Refusal("conflict", "it is merged already");
      }),
    revoke: ({ name }, via: ApprovalHome) => via.revoke(name, bob, { reason: "no longer" }),
    close: () => inRealTime(() => github.close()),
  };
};

/** As GitHub answers people: what cannot be done any more is refused. */
async function onPull(
  github: GitHubDouble,
  { pullRequest, name }: Approval,
  act: (bobs: ReturnType<GitHubDouble["as"]>, number: number) => Promise<unknown>,
): Promise<void> {
  if (pullRequest === undefined) throw new Refusal("conflict", `${name} has no pull request yet`);
  try {
    await act(github.as("bob"), pullRequest.number);
  } catch (error) {
    if (error instanceof Fault) throw new Refusal("conflict", error.message);
    throw error;
  }
}

function fetchInTurns(github: GitHubDouble, process: Process, { turns, withoutSwap }: ModelHomeOptions): typeof fetch {
  return async (to, init = {}) => {
    const url = new URL(String(to));
    const method = init.method ?? "GET";
    const label = `${method} ${url.pathname
      .split("/")
      .slice(4)
      .join("/")
      .replaceAll(/[0-9a-f]{24,}/g, (hex) => hex.slice(0, 8))}`;
    const ask = () => github.fetch(url, init);
    const answered = method !== "GET";
    return turns.call(process, label, withoutSwap ? () => overwriting(github, url, init, ask) : ask, answered);
  };
}

/** A ref that is there already gives way to the one that is created. */
async function overwriting(
  github: GitHubDouble,
  url: URL,
  init: RequestInit,
  ask: () => Promise<Response>,
): Promise<Response> {
  const response = await ask();
  if (init.method !== "POST" || response.status !== 422 || !url.pathname.endsWith("/git/refs")) return response;
  const { ref, sha } = JSON.parse(String(init.body)) as { ref: string; sha: string };
  const at = new URL(`${url.href}/${ref.replace(/^refs\//, "")}`);
  const forced = await github.fetch(at, { ...init, method: "PATCH", body: JSON.stringify({ sha, force: true }) });
  return new Response(await forced.text(), { status: forced.ok ? 201 : forced.status, headers: forced.headers });
}
