import { APP, BOT } from "../accounts.ts";
import { type Answer, type Context, created, needs, ok, page, type Routes } from "../router.ts";
import { nodeId, time } from "../shapes.ts";
import { Fault, notFound } from "../state.ts";

function appOnly({ caller }: Context): void {
  if (caller.kind !== "app") throw new Fault(401, "A JSON web token could not be decoded");
}

export function appShape(context: Context, permissions: Record<string, string>): Record<string, unknown> {
  const { shapes, state } = context;
  return {
    id: APP.appId,
    slug: APP.slug,
    node_id: nodeId("A", APP.appId),
    client_id: "Iv1.0000000000000000",
    owner: { ...shapes.user(state.user(state.owner)), type: "Organization" },
    name: APP.slug,
    description: null,
    external_url: "https://example.com",
    html_url: `https://github.com/apps/${APP.slug}`,
    created_at: time(0),
    updated_at: time(0),
    permissions,
    events: ["pull_request", "pull_request_review", "push"],
    installations_count: 1,
  };
}

function installation(context: Context, permissions: Record<string, string>): Record<string, unknown> {
  const { shapes, state } = context;
  const account = { ...shapes.user(state.user(state.owner)), type: "Organization" };
  return {
    id: APP.installationId,
    client_id: "Iv1.0000000000000000",
    account,
    repository_selection: "selected",
    access_tokens_url: `${shapes.api}/app/installations/${APP.installationId}/access_tokens`,
    repositories_url: `${shapes.api}/installation/repositories`,
    html_url: `https://github.com/organizations/${state.owner}/settings/installations/${APP.installationId}`,
    app_id: APP.appId,
    app_slug: APP.slug,
    target_id: state.user(state.owner).id,
    target_type: "Organization",
    permissions,
    events: ["pull_request"],
    created_at: time(0),
    updated_at: time(0),
    single_file_name: null,
    suspended_by: null,
    suspended_at: null,
  };
}

/** `permissions`: what the app was granted now; `issue`: makes an installation token. */
export function accountRoutes(
  permissions: () => Record<string, string>,
  issue: () => { token: string; expiresAt: number },
  rate: (login: string) => { limit: number; remaining: number; used: number; reset: number },
): Routes {
  const membership = (context: Context): Answer => {
    needs(context, "members");
    const { org = "", team_slug: team = "", username = "" } = context.params;
    const members = context.state.teams.get(`${org}/${team}`.toLowerCase());
    const membership = members?.get(username.toLowerCase());
    if (membership === undefined) throw notFound();
    const url = `${context.shapes.api}/organizations/1/team/1/memberships/${username}`;
    return ok({ url, role: "member", state: membership });
  };
  return {
    "GET /app": (context) => {
      appOnly(context);
      return ok(appShape(context, permissions()));
    },
    "GET /app/installations/:installation_id": (context) => {
      appOnly(context);
      if (Number(context.params.installation_id) !== APP.installationId) throw notFound();
      return ok(installation(context, permissions()));
    },
    "GET /repos/:owner/:repo/installation": (context) => {
      appOnly(context);
      return ok(installation(context, permissions()));
    },
    "POST /app/installations/:installation_id/access_tokens": (context) => {
      appOnly(context);
      if (Number(context.params.installation_id) !== APP.installationId) throw notFound();
      const { token, expiresAt } = issue();
      return created({
        token,
        expires_at: time(expiresAt),
        permissions: permissions(),
        repository_selection: "selected",
      });
    },
    "GET /user": ({ caller, user, shapes }) => {
      if (caller.kind !== "user") throw new Fault(403, "Resource not accessible by integration");
      return ok(shapes.wholeUser(user));
    },
    "GET /users/:username": ({ state, shapes, params }) => {
      const login = params.username ?? "";
      return ok(shapes.wholeUser(state.user(login === BOT ? BOT : login)));
    },
    "GET /rate_limit": ({ caller }) => {
      const core = rate(caller.login);
      return ok({ resources: { core, search: core }, rate: core });
    },
    "GET /orgs/:org/teams/:team_slug/memberships/:username": membership,
    "GET /orgs/:org/teams/:team_slug/members": (context) => {
      needs(context, "members");
      const { org = "", team_slug: team = "" } = context.params;
      const members = context.state.teams.get(`${org}/${team}`.toLowerCase());
      if (members === undefined) throw notFound();
      const active = [...members].filter(([, state]) => state === "active").map(([login]) => context.state.user(login));
      const { items, headers } = page(context, active, `/organizations/1/team/1/members`);
      return { status: 200, headers, body: items.map((user) => context.shapes.user(user)) };
    },
    "GET /repos/:owner/:repo/collaborators/:username/permission": ({ state, shapes, params }) => {
      const user = state.user(params.username ?? "");
      const permissions = { admin: false, maintain: false, push: true, triage: true, pull: true };
      const shown = { ...shapes.user(user), permissions, role_name: "write" };
      return ok({ permission: "write", role_name: "write", user: shown });
    },
  };
}
