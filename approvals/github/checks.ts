import { z } from "zod";
import type { HubContext } from "./context.ts";
import { reasonOf, statusOf } from "./failures.ts";

const repositoryShape = z.object({ delete_branch_on_merge: z.boolean().optional(), default_branch: z.string() });
const ruleShape = z.object({
  type: z.string(),
  ruleset_id: z.number().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
});
const rulesetShape = z.object({ current_user_can_bypass: z.string().optional() });
const flag = z.object({ enabled: z.boolean() }).optional();
const actors = z.object({ apps: z.array(z.object({ slug: z.string() })).optional() }).optional();
const protectionShape = z.object({
  required_pull_request_reviews: z
    .object({
      dismiss_stale_reviews: z.boolean().optional(),
      require_code_owner_reviews: z.boolean().optional(),
      required_approving_review_count: z.number().optional(),
      bypass_pull_request_allowances: actors,
    })
    .optional(),
  enforce_admins: flag,
  allow_force_pushes: flag,
  allow_deletions: flag,
});
const installationShape = z.object({ permissions: z.record(z.string(), z.string()) });

/** What guards main, by classic protection or by rulesets. */
interface Guard {
  reviews: boolean;
  stale: boolean;
  owners: boolean;
  forced: boolean;
  deleted: boolean;
  bypass: boolean;
}

/**
 * What is set up in a way that weakens approvals, in words for an operator. Approvals of one request stand on the
 * gateway's own count of reviews; standing exceptions stand on what guards main, and on nothing else.
 */
export async function warningsOf(home: HubContext, credential: { installationId?: number }): Promise<string[]> {
  const { installationId } = credential;
  const found = await Promise.all([
    looked(`the protection of ${home.branch}`, () => protection(home)),
    looked("the repository's settings", () => settings(home)),
    installationId === undefined ? [TOKEN] : looked("the App's permissions", () => permissions(home, installationId)),
  ]);
  return found.flat();
}

const TOKEN =
  "approvals use a token: its account's own reviews count for nothing, and its permissions could not be looked at; use a GitHub App";

async function looked(what: string, ask: () => Promise<string[]>): Promise<string[]> {
  try {
    return await ask();
  } catch (error) {
    return [`${what} could not be looked at: ${reasonOf(error)}`];
  }
}

async function protection(home: HubContext): Promise<string[]> {
  const found = [await ruled(home), await classic(home)].filter((guard) => guard !== undefined);
  if (found.length === 0) {
    return [
      `${home.branch} is not protected: whoever can write the repository can put standing exceptions into force without a review`,
    ];
  }
  const any = (key: keyof Guard): boolean => found.some((guard) => guard[key]);
  return [
    ...(any("reviews") ? [] : [`${home.branch} takes changes without a review (required_pull_request_reviews)`]),
    ...(any("stale") ? [] : [`${home.branch} keeps reviews of what was changed since (dismiss_stale_reviews)`]),
    ...(any("owners") ? [] : [`${home.branch} asks no code owner (require_code_owner_reviews)`]),
    ...(any("forced") ? [] : [`${home.branch} can be force-pushed (allow_force_pushes)`]),
    ...(any("deleted") ? [] : [`${home.branch} can be deleted (allow_deletions)`]),
    ...(found.some(({ bypass }) => bypass)
      ? [`the gateway's own account may bypass the protection of ${home.branch}`]
      : []),
  ];
}

/** Rules of rulesets that are in force for the branch: any that can read the repository may read them. */
async function ruled(home: HubContext): Promise<Guard | undefined> {
  const rules = await home.client.list(
    "GET /repos/{owner}/{repo}/rules/branches/{branch}",
    { branch: home.branch },
    ruleShape,
  );
  if (rules.length === 0) return undefined;
  const pulls = rules.filter(({ type }) => type === "pull_request");
  const has = (type: string): boolean => rules.some((rule) => rule.type === type);
  const set = (key: string): boolean => pulls.some(({ parameters }) => parameters?.[key] === true);
  let bypass = false;
  for (const ruleset_id of new Set(pulls.map((rule) => rule.ruleset_id))) {
    if (ruleset_id === undefined) continue;
    const ruleset = await home.client.find(
      "GET /repos/{owner}/{repo}/rulesets/{ruleset_id}",
      { ruleset_id },
      rulesetShape,
    );
    bypass ||= /always|pull_requests_only|exempt/.test(ruleset?.current_user_can_bypass ?? "never");
  }
  return {
    reviews: pulls.some(({ parameters }) => Number(parameters?.required_approving_review_count ?? 0) > 0),
    stale: set("dismiss_stale_reviews_on_push"),
    owners: set("require_code_owner_review"),
    forced: has("non_fast_forward"),
    deleted: has("deletion"),
    bypass,
  };
}

/** Classic protection, which only an account with `administration` may read. */
async function classic(home: HubContext): Promise<Guard | undefined> {
  let found: z.output<typeof protectionShape> | undefined;
  try {
    const route = "GET /repos/{owner}/{repo}/branches/{branch}/protection";
    found = await home.client.find(route, { branch: home.branch }, protectionShape);
  } catch (error) {
    if (statusOf(error) === 403) return undefined;
    throw error;
  }
  if (found === undefined) return undefined;
  const reviews = found.required_pull_request_reviews;
  const slug = home.client.login.replace(/\[bot\]$/, "");
  return {
    reviews: (reviews?.required_approving_review_count ?? 0) > 0,
    stale: reviews?.dismiss_stale_reviews === true,
    owners: reviews?.require_code_owner_reviews === true,
    forced: found.allow_force_pushes?.enabled !== true,
    deleted: found.allow_deletions?.enabled !== true,
    bypass: reviews?.bypass_pull_request_allowances?.apps?.some((app) => app.slug === slug) === true,
  };
}

async function settings(home: HubContext): Promise<string[]> {
  const { delete_branch_on_merge, default_branch } = await home.client.get(
    "GET /repos/{owner}/{repo}",
    {},
    repositoryShape,
  );
  return [
    // Said to those who may see it: absent for others.
    ...(delete_branch_on_merge === false
      ? ["delete_branch_on_merge is off: each approval costs one more of the 500 content creations an hour"]
      : []),
    ...(default_branch === home.branch
      ? []
      : [`${home.branch} is not the default branch, and CODEOWNERS of GitHub's own may differ`]),
  ];
}

const NEEDED = { contents: "write", pull_requests: "write", issues: "write" };

async function permissions(home: HubContext, installation_id: number): Promise<string[]> {
  const found = await home.client.get(
    "GET /app/installations/{installation_id}",
    { installation_id },
    installationShape,
  );
  const missing = Object.entries(NEEDED).filter(([name, wanted]) => found.permissions[name] !== wanted);
  return [
    ...missing.map(([name, wanted]) => `the App lacks the permission ${name}: ${wanted}`),
    ...(found.permissions.members === undefined
      ? ["the App lacks the permission members: read, so that nobody is known to be in a team"]
      : []),
    ...(found.permissions.administration === "write"
      ? ["the App may change the protection of its own repository (administration: write)"]
      : []),
    ...(found.permissions.workflows === "write" ? ["the App may write workflows, which it needs for nothing"] : []),
  ];
}
