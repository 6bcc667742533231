import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { filesOf } from "../files.ts";
import { ahead, ancestors, mergeBase } from "../history.ts";
import { moved } from "../refs.ts";
import type { Commit } from "../repository.ts";
import { type Answer, type Context, maybeText, needs, ok, page, type Routes, text } from "../router.ts";
import { Fault, notFound, type Protection } from "../state.ts";
import { diff, edit, lookUp, walk } from "../trees.ts";
import { appShape } from "./accounts.ts";

const REPO = "/repos/:owner/:repo";
/** What GitHub lists of a comparison's or a commit's files, and of a file's bytes. */
const MOST_FILES = 300;
const MOST_BYTES = 1_048_576;

async function commitOf({ state }: Pick<Context, "state">, name: string): Promise<Commit> {
  const commit = await state.resolve(name);
  if (commit === undefined) throw notFound();
  return commit;
}

async function branch(context: Context, name: string): Promise<Record<string, unknown>> {
  const { state, shapes } = context;
  const sha = await state.git.ref(`refs/heads/${name}`);
  const commit = sha === undefined ? undefined : await state.git.commit(sha);
  if (commit === undefined) throw new Fault(404, "Branch not found");
  const url = `${shapes.repo}/branches/${name}`;
  const guarded = state.protection !== undefined && name === state.branch;
  const checks = { enforcement_level: "off", contexts: [], checks: [] };
  return {
    name,
    commit: shapes.commit(commit),
    _links: { self: url, html: `${shapes.html}/tree/${name}` },
    protected: guarded,
    protection: { enabled: guarded && state.protection?.by === "classic", required_status_checks: checks },
    protection_url: `${url}/protection`,
  };
}

function classic(url: string, protection: Protection, app: object): Record<string, unknown> {
  const on = (enabled: boolean) => ({ enabled });
  return {
    url,
    required_pull_request_reviews: {
      url: `${url}/required_pull_request_reviews`,
      dismiss_stale_reviews: protection.dismissStale,
      require_code_owner_reviews: protection.codeOwners,
      required_approving_review_count: protection.reviews,
      require_last_push_approval: protection.lastPush,
      ...(protection.bypass && { bypass_pull_request_allowances: { users: [], teams: [], apps: [app] } }),
    },
    required_signatures: { url: `${url}/required_signatures`, enabled: false },
    enforce_admins: { url: `${url}/enforce_admins`, enabled: protection.enforceAdmins },
    required_linear_history: on(false),
    allow_force_pushes: on(protection.forcePushes === true),
    allow_deletions: on(protection.deletions === true),
    block_creations: on(false),
    required_conversation_resolution: on(false),
    lock_branch: on(false),
    allow_fork_syncing: on(false),
  };
}

interface Rule {
  type: string;
  parameters?: Record<string, unknown>;
}
function rules(protection: Protection, from: Record<string, unknown> = {}): Rule[] {
  return [
    ...(protection.deletions ? [] : [{ type: "deletion", ...from }]),
    ...(protection.forcePushes ? [] : [{ type: "non_fast_forward", ...from }]),
    {
      type: "pull_request",
      ...from,
      parameters: {
        required_approving_review_count: protection.reviews,
        dismiss_stale_reviews_on_push: protection.dismissStale,
        require_code_owner_review: protection.codeOwners,
        require_last_push_approval: protection.lastPush,
        required_review_thread_resolution: false,
        allowed_merge_methods: ["merge", "squash", "rebase"],
      },
    },
  ];
}

async function contents(context: Context): Promise<Answer> {
  const { state, shapes, params, query, accept } = context;
  const path = params.path ?? "";
  const ref = query.get("ref") ?? state.branch;
  const commit = await state.resolve(ref);
  if (commit === undefined) throw new Fault(404, `No commit found for the ref ${ref}`);
  const entry = await lookUp(state.git, commit.tree, path);
  if (entry === undefined) throw notFound();
  if (entry.type === "tree") {
    const items = (await state.git.tree(entry.oid)) ?? [];
    const under = path === "" ? "" : `${path}/`;
    const sized = items.slice(0, 1000).map(async (item) => {
      const size = item.type === "blob" ? (await state.git.blob(item.oid))?.length : 0;
      return shapes.content(under + item.path, item, ref, undefined, size);
    });
    return ok(await Promise.all(sized));
  }
  const blob = (await state.git.blob(entry.oid)) ?? Buffer.alloc(0);
  if (accept.includes("raw"))
    return { status: 200, raw: blob, headers: { "content-type": "application/vnd.github.raw" } };
  // Over a megabyte there is no content, and the encoding says so.
  if (blob.length > MOST_BYTES) {
    return ok({ ...shapes.content(path, entry, ref, Buffer.alloc(0), blob.length), encoding: "none" });
  }
  return ok(shapes.content(path, entry, ref, blob));
}

/** PUT and DELETE of a file: a commit of one change on a branch. */
async function putContents(context: Context, remove: boolean): Promise<Answer> {
  const { state, shapes, user, params, body } = context;
  const name = maybeText(body, "branch") ?? state.branch;
  if (name === state.branch && state.protection !== undefined) {
    throw new Fault(409, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n");
  }
  const before = await state.git.ref(`refs/heads/${name}`);
  const parent = before === undefined ? undefined : await state.git.commit(before);
  if (before === undefined || parent === undefined) throw new Fault(404, `Branch ${name} not found`);
  const path = params.path ?? "";
  const had = await lookUp(state.git, parent.tree, path);
  if (remove && had === undefined) throw notFound();
  if (had !== undefined && maybeText(body, "sha") === undefined)
    throw new Fault(422, `Invalid request.\n\n"sha" wasn't supplied.`);
  if (had !== undefined && had.oid !== body.sha) throw new Fault(409, `${path} does not match ${body.sha}`);
  const oid = remove ? undefined : await state.git.writeBlob(Buffer.from(text(body, "content"), "base64"));
  const change = new Map([[path, oid === undefined ? null : { mode: "100644", oid }]]);
  const tree = (await edit(state.git, parent.tree, change)) ?? (await state.git.writeTree([]));
  const who = { name: user.login, email: `${user.id}+${user.login}@users.noreply.github.com`, at: state.now() };
  const sha = await state.git.writeCommit({
    tree,
    parents: [before],
    message: text(body, "message"),
    author: who,
    committer: who,
  });
  await moved(state, `refs/heads/${name}`, before, sha, user);
  const commit = await commitOf(context, sha);
  const entry = { mode: "100644", path, oid: oid ?? "", type: "blob" as const };
  const blob = oid === undefined ? undefined : await state.git.blob(oid);
  const content = blob === undefined ? null : shapes.content(path, entry, name, undefined, blob.length);
  return { status: had === undefined ? 201 : 200, body: { content, commit: shapes.gitCommit(commit) } };
}

async function compare(context: Context): Promise<Answer> {
  const { state, shapes, params } = context;
  const { basehead: asked = "" } = params;
  const [from = "", to = ""] = asked.split("...");
  const [base, head] = await Promise.all([commitOf(context, from), commitOf(context, to)]);
  const common = await mergeBase(state.git, base.oid, head.oid);
  if (common === undefined) throw new Fault(404, `No common ancestor between ${from} and ${to}.`);
  const [more, less, shared] = await Promise.all([
    ahead(state.git, base.oid, head.oid),
    ahead(state.git, head.oid, base.oid),
    commitOf(context, common),
  ]);
  const status =
    more.length > 0 && less.length > 0
      ? "diverged"
      : more.length > 0
        ? "ahead"
        : less.length > 0
          ? "behind"
          : "identical";
  // With no page asked for, the first 250 and the whole number of them.
  const paged = ["per_page", "page"].some((key) => context.query.has(key));
  const { items, headers } = paged
    ? page(context, more, `/compare/${asked}`)
    : { items: more.slice(0, 250), headers: {} };
  const html = `${shapes.html}/compare/${asked}`;
  const files = await filesOf(state, shapes, await diff(state.git, shared.tree, head.tree), head.oid);
  const body = {
    url: `${shapes.repo}/compare/${asked}`,
    html_url: html,
    permalink_url: `${shapes.html}/compare/${state.owner}:${base.oid.slice(0, 7)}...${state.owner}:${head.oid.slice(0, 7)}`,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    base_commit: shapes.commit(base),
    merge_base_commit: shapes.commit(shared),
    status,
    ahead_by: more.length,
    behind_by: less.length,
    total_commits: more.length,
    commits: items.map((commit) => shapes.commit(commit)),
    // Only the first page has the files.
    ...(Number(context.query.get("page") ?? 1) <= 1 && { files: files.slice(0, MOST_FILES) }),
  };
  return { status: 200, headers, body };
}

async function commits(context: Context): Promise<Answer> {
  const { state, shapes, query } = context;
  const from = await commitOf(context, query.get("sha") ?? state.branch);
  const path = query.get("path");
  const found: Commit[] = [];
  for (const commit of (await ancestors(state.git, from.oid)).values()) {
    const parent = commit.parents[0] === undefined ? undefined : await state.git.commit(commit.parents[0]);
    const at = async (tree: string | undefined) =>
      tree === undefined ? undefined : (await lookUp(state.git, tree, path ?? ""))?.oid;
    if (path === null || (await at(commit.tree)) !== (await at(parent?.tree))) found.push(commit);
  }
  const { items, headers } = page(context, found, "/commits");
  return { status: 200, headers, body: items.map((commit) => shapes.commit(commit)) };
}

async function commit(context: Context): Promise<Answer> {
  const { state, shapes, params } = context;
  const found = await commitOf(context, params.ref ?? "");
  if (context.accept.includes(".sha")) {
    return { status: 200, raw: Buffer.from(found.oid), headers: { "content-type": "application/vnd.github.sha" } };
  }
  const parent = found.parents[0] === undefined ? undefined : await state.git.commit(found.parents[0]);
  const files = await filesOf(state, shapes, await diff(state.git, parent?.tree, found.tree), found.oid);
  const sum = (key: "additions" | "deletions" | "changes") => files.reduce((total, file) => total + file[key], 0);
  const stats = { additions: sum("additions"), deletions: sum("deletions"), total: sum("changes") };
  return ok(shapes.commit(found, { files: files.slice(0, MOST_FILES), stats }));
}

/** Where GitHub redirects a tarball to; answered without credentials, at an address that nobody guesses. */
async function tarball(context: Context): Promise<Answer> {
  const found = await commitOf(context, context.params.ref ?? context.state.branch);
  return { status: 302, headers: { location: `${context.shapes.api}/codeload/${found.oid}` } };
}

export const repositoryRoutes: Routes = {
  [`GET ${REPO}`]: ({ shapes }) => ok(shapes.repository(true)),
  [`PATCH ${REPO}`]: (context) => {
    needs(context, "administration");
    const { settings } = context.state;
    const { delete_branch_on_merge: remove } = context.body;
    if (typeof remove === "boolean") settings.deleteBranchOnMerge = remove;
    return ok(context.shapes.repository(true));
  },
  [`GET ${REPO}/branches`]: async (context) => {
    const refs = await context.state.git.refs("refs/heads/");
    const { items, headers } = page(context, refs, "/branches");
    const body = items.map(({ ref, oid }) => {
      const name = ref.slice("refs/heads/".length);
      const url = `${context.shapes.repo}/commits/${oid}`;
      return {
        name,
        commit: { sha: oid, url },
        protected: context.state.protection !== undefined && name === context.state.branch,
      };
    });
    return { status: 200, headers, body };
  },
  [`GET ${REPO}/branches/*branch/protection`]: (context) => {
    needs(context, "administration");
    const { state, shapes, params } = context;
    if (state.protection?.by !== "classic" || params.branch !== state.branch)
      throw new Fault(404, "Branch not protected");
    const url = `${shapes.repo}/branches/${params.branch}/protection`;
    return ok(classic(url, state.protection, appShape(context, {})));
  },
  [`GET ${REPO}/branches/*branch`]: async (context) => ok(await branch(context, context.params.branch ?? "")),
  [`GET ${REPO}/rules/branches/*branch`]: ({ state, params }) => {
    const applies = state.protection?.by === "ruleset" && params.branch === state.branch;
    const from = { ruleset_source_type: "Repository", ruleset_source: state.fullName, ruleset_id: 1 };
    return ok(applies && state.protection ? rules(state.protection, from) : []);
  },
  [`GET ${REPO}/rulesets/:ruleset_id`]: ({ state, params }) => {
    const { protection } = state;
    if (protection?.by !== "ruleset" || params.ruleset_id !== "1") throw notFound();
    return ok({
      id: 1,
      name: "main",
      target: "branch",
      source_type: "Repository",
      source: state.fullName,
      enforcement: "active",
      current_user_can_bypass: protection.bypass ? "always" : "never",
      conditions: { ref_name: { include: [`refs/heads/${state.branch}`], exclude: [] } },
      rules: rules(protection).map(({ type, parameters }) => ({
        type,
        ...(parameters !== undefined && { parameters }),
      })),
    });
  },
  [`GET ${REPO}/contents`]: contents,
  [`GET ${REPO}/contents/*path`]: contents,
  [`PUT ${REPO}/contents/*path`]: (context) => putContents(context, false),
  [`DELETE ${REPO}/contents/*path`]: (context) => putContents(context, true),
  [`GET ${REPO}/compare/*basehead`]: compare,
  [`GET ${REPO}/commits`]: commits,
  [`GET ${REPO}/commits/:commit_sha/pulls`]: async (context) => {
    const { params, state, shapes } = context;
    const sha = params.commit_sha;
    const of = [...state.pulls.values()].filter((pull) => pull.headSha === sha || pull.mergeCommit === sha);
    return ok(of.map((pull) => shapes.pull(pull)));
  },
  [`GET ${REPO}/commits/*ref`]: commit,
  [`GET ${REPO}/tarball`]: tarball,
  [`GET ${REPO}/tarball/*ref`]: tarball,
};

/** The archive itself, in a folder of its own as GitHub's is. */
export async function archive(context: Pick<Context, "state">, oid: string): Promise<Answer> {
  const { state } = context;
  const found = await commitOf(context, oid);
  const folder = `${state.owner}-${state.name}-${oid.slice(0, 7)}`;
  const files = (await walk(state.git, found.tree)).map(async ({ path, oid }) => {
    const body = (await state.git.blob(oid)) ?? Buffer.alloc(0);
    return { header: { name: `${folder}/${path}`, size: body.length, type: "file" as const, mode: 0o644 }, body };
  });
  const top = { header: { name: `${folder}/`, size: 0, type: "directory" as const, mode: 0o755 } };
  const tar = gzipSync(await packTar([top, ...(await Promise.all(files))]), { level: 1 });
  return { status: 200, raw: tar, headers: { "content-type": "application/x-gzip" } };
}
