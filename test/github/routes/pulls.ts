import { filesOf } from "../files.ts";
import {
  comment,
  dismiss,
  type Edit,
  editPull,
  mergedTree,
  mergePull,
  openPull,
  pullCommits,
  pullFiles,
  review,
  setLabels,
} from "../pulls.ts";
import { type Answer, type Context, created, maybeText, ok, page, type Routes, text } from "../router.ts";
import { Fault, notFound, type Pull } from "../state.ts";

const REPO = "/repos/:owner/:repo";
const PULL = `${REPO}/pulls/:pull_number`;
const ISSUE = `${REPO}/issues/:issue_number`;

const pullOf = ({ state, params }: Context): Pull => state.pull(Number(params.pull_number ?? params.issue_number));

async function whole({ state, shapes }: Context, pull: Pull): Promise<Record<string, unknown>> {
  const [files, commits] = await Promise.all([
    filesOf(state, shapes, await pullFiles(state, pull)),
    pullCommits(state, pull),
  ]);
  const sum = (key: "additions" | "deletions") => files.reduce((total, file) => total + file[key], 0);
  const mergeable = pull.state === "open" ? (await mergedTree(state, pull)) !== undefined : null;
  return shapes.pull(pull, {
    mergeable,
    rebaseable: mergeable,
    mergeable_state: mergeable === null ? "unknown" : mergeable ? "clean" : "dirty",
    commits: commits.length,
    additions: sum("additions"),
    deletions: sum("deletions"),
    changed_files: files.length,
  });
}

function listed(context: Context): Pull[] {
  const { state, query } = context;
  const wanted = query.get("state") ?? "open";
  const head = query.get("head");
  const base = query.get("base");
  const sort = query.get("sort") ?? "created";
  const down = (query.get("direction") ?? (sort === "created" ? "desc" : "asc")) === "desc";
  const key = (pull: Pull) => (sort === "updated" ? pull.touched : pull.number);
  return [...state.pulls.values()]
    .filter((pull) => wanted === "all" || pull.state === wanted)
    .filter((pull) => head === null || `${state.owner}:${pull.headRef}`.toLowerCase() === head.toLowerCase())
    .filter((pull) => base === null || pull.baseRef === base)
    .sort((a, b) => (down ? key(b) - key(a) : key(a) - key(b)));
}

function paged<T>(context: Context, all: readonly T[], path: string, shape: (item: T) => unknown): Answer {
  const { items, headers } = page(context, all, path);
  return { status: 200, headers, body: items.map(shape) };
}

export const pullRoutes: Routes = {
  [`GET ${REPO}/pulls`]: (context) => paged(context, listed(context), "/pulls", (pull) => context.shapes.pull(pull)),
  [`POST ${REPO}/pulls`]: async (context) => {
    const { state, user, body } = context;
    const pull = await openPull(state, user, {
      title: text(body, "title"),
      head: text(body, "head"),
      base: text(body, "base"),
      body: maybeText(body, "body") ?? null,
      draft: body.draft === true,
    });
    return created(await whole(context, pull));
  },
  [`GET ${PULL}`]: async (context) => ok(await whole(context, pullOf(context))),
  [`PATCH ${PULL}`]: async (context) => {
    const pull = pullOf(context);
    await editPull(context.state, pull, context.user, editOf(context.body));
    return ok(await whole(context, pull));
  },
  [`GET ${PULL}/files`]: async (context) => {
    const pull = pullOf(context);
    const files = await filesOf(context.state, context.shapes, await pullFiles(context.state, pull), pull.headSha);
    return paged(context, files, `/pulls/${pull.number}/files`, (file) => file);
  },
  [`GET ${PULL}/commits`]: async (context) => {
    const pull = pullOf(context);
    const commits = await pullCommits(context.state, pull);
    return paged(context, commits, `/pulls/${pull.number}/commits`, (commit) => context.shapes.commit(commit));
  },
  [`GET ${PULL}/reviews`]: (context) => {
    const pull = pullOf(context);
    return paged(context, pull.reviews, `/pulls/${pull.number}/reviews`, (one) => context.shapes.review(pull, one));
  },
  [`POST ${PULL}/reviews`]: async (context) => {
    const pull = pullOf(context);
    const commitId = maybeText(context.body, "commit_id");
    const made = await review(context.state, pull, context.user, {
      event: maybeText(context.body, "event") ?? "PENDING",
      body: maybeText(context.body, "body") ?? null,
      ...(commitId !== undefined && { commitId }),
    });
    return ok(context.shapes.review(pull, made));
  },
  [`PUT ${PULL}/reviews/:review_id/dismissals`]: (context) => {
    const pull = pullOf(context);
    text(context.body, "message");
    return ok(
      context.shapes.review(pull, dismiss(context.state, pull, context.user, Number(context.params.review_id))),
    );
  },
  [`GET ${PULL}/merge`]: (context) => {
    if (pullOf(context).mergedAt === undefined) throw notFound();
    return { status: 204 };
  },
  [`PUT ${PULL}/merge`]: async (context) => {
    const { state, user, body } = context;
    const terms = Object.fromEntries(
      Object.entries({
        method: maybeText(body, "merge_method"),
        sha: maybeText(body, "sha"),
        title: maybeText(body, "commit_title"),
        message: maybeText(body, "commit_message"),
      }).filter(([, value]) => value !== undefined),
    );
    const sha = await mergePull(state, pullOf(context), user, terms);
    return ok({ sha, merged: true, message: "Pull Request successfully merged" });
  },
  [`GET ${ISSUE}`]: (context) => ok(context.shapes.issue(pullOf(context))),
  [`PATCH ${ISSUE}`]: async (context) => {
    const pull = pullOf(context);
    const { labels } = context.body;
    if (labels !== undefined) setLabels(context.state, pull, context.user, names(labels));
    await editPull(context.state, pull, context.user, editOf(context.body));
    return ok(context.shapes.issue(pull));
  },
  [`GET ${ISSUE}/comments`]: (context) => {
    const pull = pullOf(context);
    const since = Date.parse(context.query.get("since") ?? "") || 0;
    const found = pull.comments.filter((one) => one.updatedAt >= since);
    return paged(context, found, `/issues/${pull.number}/comments`, (one) => context.shapes.comment(pull, one));
  },
  [`POST ${ISSUE}/comments`]: (context) => {
    const pull = pullOf(context);
    return created(
      context.shapes.comment(pull, comment(context.state, pull, context.user, text(context.body, "body"))),
    );
  },
  [`GET ${ISSUE}/events`]: (context) => {
    const pull = pullOf(context);
    return paged(context, pull.events, `/issues/${pull.number}/events`, (one) => context.shapes.event(one));
  },
  [`GET ${ISSUE}/labels`]: (context) => ok(pullOf(context).labels.map((name) => context.shapes.label(name))),
  [`POST ${ISSUE}/labels`]: (context) => {
    const pull = pullOf(context);
    setLabels(context.state, pull, context.user, [...pull.labels, ...names(context.body.labels)]);
    return ok(pull.labels.map((name) => context.shapes.label(name)));
  },
  [`PUT ${ISSUE}/labels`]: (context) => {
    const pull = pullOf(context);
    setLabels(context.state, pull, context.user, names(context.body.labels));
    return ok(pull.labels.map((name) => context.shapes.label(name)));
  },
  [`DELETE ${ISSUE}/labels/:name`]: (context) => {
    const pull = pullOf(context);
    const gone = pull.labels.filter((name) => name.toLowerCase() !== context.params.name?.toLowerCase());
    if (gone.length === pull.labels.length) throw new Fault(404, "Label does not exist");
    setLabels(context.state, pull, context.user, gone);
    return ok(pull.labels.map((name) => context.shapes.label(name)));
  },
};

function editOf(body: Record<string, unknown>): Edit {
  const edit: Edit = {};
  for (const key of ["title", "body", "state", "base"] as const) {
    const value = maybeText(body, key);
    if (value !== undefined) edit[key] = value;
  }
  if (body.body === null) edit.body = null;
  return edit;
}

function names(labels: unknown): string[] {
  if (!Array.isArray(labels)) throw new Fault(422, `Invalid request.\n\n"labels" wasn't supplied.`);
  return labels.map((label) => (typeof label === "string" ? label : text(label as Record<string, unknown>, "name")));
}
