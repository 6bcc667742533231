import { createRef, deleteRef, updateRef } from "../refs.ts";
import type { Entry, Person } from "../repository.ts";
import { type Answer, type Context, created, maybeText, ok, page, type Routes, text } from "../router.ts";
import { Fault, notFound } from "../state.ts";
import { edit, type File, walk } from "../trees.ts";

const REPO = "/repos/:owner/:repo";
const MODES = new Set(["100644", "100755", "040000", "160000", "120000"]);

function personOf({ state, user, body }: Context, key: string): Person | undefined {
  const given = body[key] as { name?: unknown; email?: unknown; date?: unknown } | undefined;
  if (given === undefined) return undefined;
  const at = typeof given.date === "string" ? Date.parse(given.date) : state.now();
  return { name: String(given.name ?? user.login), email: String(given.email ?? ""), at };
}

async function createTree({ state, shapes, body }: Context): Promise<Answer> {
  const wanted = body.tree;
  if (!Array.isArray(wanted) || wanted.length === 0) throw new Fault(422, "Invalid tree info");
  const changes = new Map<string, File | null>();
  for (const one of wanted as Record<string, unknown>[]) {
    const path = text(one, "path");
    const mode = maybeText(one, "mode") ?? "100644";
    if (!MODES.has(mode)) throw new Fault(422, "tree.mode is not valid");
    if (path === "" || path.split("/").some((part) => ["", ".", "..", ".git"].includes(part))) {
      throw new Fault(422, "tree.path contains a malformed path component");
    }
    if (one.sha === null) changes.set(path, null);
    else {
      const content = maybeText(one, "content");
      const oid = content === undefined ? text(one, "sha") : await state.git.writeBlob(Buffer.from(content));
      changes.set(path, { mode, oid });
    }
  }
  const named = maybeText(body, "base_tree");
  const base = named === undefined ? undefined : ((await state.git.commit(named))?.tree ?? named);
  if (base !== undefined && (await state.git.tree(base)) === undefined)
    throw new Fault(422, "base_tree is not a valid tree oid");
  const oid = (await edit(state.git, base, changes)) ?? (await state.git.writeTree([]));
  return created(shapes.tree(oid, (await state.git.tree(oid)) ?? []));
}

async function createCommit(context: Context): Promise<Answer> {
  const { state, shapes, user, body } = context;
  const tree = text(body, "tree");
  const parents = Array.isArray(body.parents) ? body.parents.map(String) : [];
  if ((await state.git.tree(tree)) === undefined) throw new Fault(422, "Tree SHA does not exist");
  for (const parent of parents) {
    if ((await state.git.commit(parent)) === undefined) {
      throw new Fault(422, "Parent SHA does not exist or is not a commit object");
    }
  }
  const self = { name: user.login, email: `${user.id}+${user.login}@users.noreply.github.com`, at: state.now() };
  const author = personOf(context, "author") ?? self;
  const committer = personOf(context, "committer") ?? author;
  const oid = await state.git.writeCommit({ tree, parents, message: text(body, "message"), author, committer });
  const commit = await state.git.commit(oid);
  if (commit === undefined) throw notFound();
  return created(shapes.gitCommit(commit));
}

async function withSizes({ state }: Context, entries: Entry[]): Promise<(Entry & { size?: number })[]> {
  return Promise.all(
    entries.map(async (entry) =>
      entry.type === "blob" ? { ...entry, size: (await state.git.blob(entry.oid))?.length ?? 0 } : entry,
    ),
  );
}

export const gitRoutes: Routes = {
  [`POST ${REPO}/git/blobs`]: async ({ state, shapes, body }) => {
    const encoding = maybeText(body, "encoding") === "base64" ? "base64" : "utf8";
    const sha = await state.git.writeBlob(Buffer.from(text(body, "content"), encoding));
    return created({ sha, url: `${shapes.repo}/git/blobs/${sha}` });
  },
  [`GET ${REPO}/git/blobs/:file_sha`]: async ({ state, shapes, params, accept }) => {
    const { file_sha: sha = "" } = params;
    const blob = await state.git.blob(sha);
    if (blob === undefined) throw notFound();
    if (accept.includes("raw"))
      return { status: 200, raw: blob, headers: { "content-type": "application/vnd.github.raw" } };
    const content = blob.toString("base64").replace(/(.{60})/g, "$1\n");
    return ok({
      sha,
      node_id: sha,
      size: blob.length,
      url: `${shapes.repo}/git/blobs/${sha}`,
      content,
      encoding: "base64",
    });
  },
  [`POST ${REPO}/git/trees`]: createTree,
  [`GET ${REPO}/git/trees/:tree_sha`]: async (context) => {
    const { state, shapes, params, query } = context;
    const { tree_sha: name = "" } = params;
    const tree = (await state.resolve(name))?.tree ?? name;
    const entries = await state.git.tree(tree);
    if (entries === undefined) throw notFound();
    const shown = query.has("recursive") ? await walk(state.git, tree, true) : entries;
    return ok(shapes.tree(tree, await withSizes(context, shown)));
  },
  [`POST ${REPO}/git/commits`]: createCommit,
  [`GET ${REPO}/git/commits/:commit_sha`]: async ({ state, shapes, params }) => {
    const commit = await state.git.commit(params.commit_sha ?? "");
    if (commit === undefined) throw notFound();
    return ok(shapes.gitCommit(commit));
  },
  [`POST ${REPO}/git/refs`]: async ({ state, shapes, user, body }) => {
    const [ref, sha] = [text(body, "ref"), text(body, "sha")];
    await createRef(state, ref, sha, user);
    return { ...created(shapes.ref(ref, sha)), headers: { location: `${shapes.repo}/git/${ref}` } };
  },
  [`GET ${REPO}/git/ref/*ref`]: async ({ state, shapes, params }) => {
    const ref = `refs/${params.ref}`;
    const sha = await state.git.ref(ref);
    if (sha === undefined) throw notFound();
    return ok(shapes.ref(ref, sha));
  },
  [`GET ${REPO}/git/matching-refs/*ref`]: async (context) => {
    const found = await context.state.git.refs(`refs/${context.params.ref}`);
    const { items, headers } = page(context, found, `/git/matching-refs/${context.params.ref}`);
    return { status: 200, headers, body: items.map(({ ref, oid }) => context.shapes.ref(ref, oid)) };
  },
  [`PATCH ${REPO}/git/refs/*ref`]: async ({ state, shapes, user, params, body }) => {
    const ref = `refs/${params.ref}`;
    await updateRef(state, ref, text(body, "sha"), user, body.force === true);
    return ok(shapes.ref(ref, text(body, "sha")));
  },
  [`DELETE ${REPO}/git/refs/*ref`]: async ({ state, user, params }) => {
    await deleteRef(state, `refs/${params.ref}`, user);
    return { status: 204 };
  },
};
