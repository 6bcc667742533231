import { createHash } from "node:crypto";
import type { Commit, Entry, Person } from "./repository.ts";
import type { Comment, Pull, Review, State, User } from "./state.ts";

/** The JSON of GitHub's REST API (`@octokit/openapi`, api.github.com), of what the double keeps. */
const WEB = "https://github.com";
const time = (at: number) => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
const maybe = (at: number | undefined) => (at === undefined ? null : time(at));
const nodeId = (kind: string, id: number | string) => Buffer.from(`${kind}:${id}`).toString("base64url");

const trial = ({ headSha, baseSha }: Pull) => createHash("sha1").update(headSha).update(baseSha).digest("hex");

export class Shapes {
  readonly #state: State;
  /** The API's base URL; no slash at its end. */
  readonly api: string;
  readonly #lean: boolean;

  /** `lean`: a pull request does not say all of its repository twice. */
  constructor(state: State, api: string, lean = false) {
    this.#state = state;
    this.api = api;
    this.#lean = lean;
  }

  get repo(): string {
    return `${this.api}/repos/${this.#state.fullName}`;
  }
  get html(): string {
    return `${WEB}/${this.#state.fullName}`;
  }

  user(user: User): Record<string, unknown> {
    const url = `${this.api}/users/${encodeURIComponent(user.login)}`;
    const links = ["following", "gists", "starred"];
    return {
      login: user.login,
      id: user.id,
      node_id: nodeId("U", user.id),
      avatar_url: `https://avatars.githubusercontent.com/u/${user.id}?v=4`,
      gravatar_id: "",
      url,
      html_url: user.type === "Bot" ? `${WEB}/apps/${user.login.replace("[bot]", "")}` : `${WEB}/${user.login}`,
      followers_url: `${url}/followers`,
      ...Object.fromEntries(links.map((link) => [`${link}_url`, `${url}/${link}{/other}`])),
      subscriptions_url: `${url}/subscriptions`,
      organizations_url: `${url}/orgs`,
      repos_url: `${url}/repos`,
      events_url: `${url}/events{/privacy}`,
      received_events_url: `${url}/received_events`,
      type: user.type,
      user_view_type: "public",
      site_admin: false,
    };
  }

  /** A user as `GET /user` and `/users/{login}` tell of one. */
  wholeUser(user: User): Record<string, unknown> {
    const none = ["name", "company", "blog", "location", "email", "hireable", "bio", "twitter_username"];
    const epoch = time(0);
    return {
      ...this.user(user),
      ...Object.fromEntries(none.map((key) => [key, null])),
      ...{ public_repos: 0, public_gists: 0, followers: 0, following: 0, created_at: epoch, updated_at: epoch },
    };
  }

  repository(whole = false): Record<string, unknown> {
    const { settings, owner, name, branch } = this.#state;
    const url = this.repo;
    const lists =
      "assignees{/user} branches{/branch} collaborators{/collaborator} comments{/number} commits{/sha} compare/{base}...{head} contents/{+path} contributors deployments downloads events forks git/commits{/sha} git/refs{/sha} git/tags{/sha} hooks issues/comments{/number} issues/events{/number} issues{/number} keys{/key_id} labels{/name} languages merges milestones{/number} notifications{?since,all,participating} pulls{/number} releases{/id} stargazers statuses/{sha} subscribers subscription tags teams git/trees{/sha} git/blobs{/sha}";
    const special: Record<string, string> = {
      "issues/comments{/number}": "issue_comment_url",
      "issues/events{/number}": "issue_events_url",
      "git/commits{/sha}": "git_commits_url",
      "git/refs{/sha}": "git_refs_url",
      "git/tags{/sha}": "git_tags_url",
      "git/trees{/sha}": "trees_url",
      "git/blobs{/sha}": "blobs_url",
    };
    const links = lists
      .split(" ")
      .map((path) => [special[path] ?? `${path.match(/^[a-z]+/)?.[0]}_url`, `${url}/${path}`]);
    const created = time(0);
    return {
      id: 1,
      node_id: nodeId("R", 1),
      name,
      full_name: `${owner}/${name}`,
      private: settings.private,
      owner: { ...this.user(this.#state.user(owner)), type: "Organization" },
      html_url: this.html,
      description: null,
      fork: false,
      url,
      archive_url: `${url}/{archive_format}{/ref}`,
      ...Object.fromEntries(links),
      git_url: `git://github.com/${owner}/${name}.git`,
      ssh_url: `git@github.com:${owner}/${name}.git`,
      clone_url: `${this.html}.git`,
      svn_url: this.html,
      mirror_url: null,
      homepage: null,
      language: null,
      license: null,
      forks: 0,
      forks_count: 0,
      stargazers_count: 0,
      watchers: 0,
      watchers_count: 0,
      size: 1,
      default_branch: branch,
      open_issues: 0,
      open_issues_count: 0,
      is_template: false,
      topics: [],
      has_issues: true,
      has_projects: false,
      has_wiki: false,
      has_pages: false,
      has_downloads: true,
      has_discussions: false,
      archived: false,
      disabled: false,
      visibility: settings.private ? "private" : "public",
      pushed_at: created,
      created_at: created,
      updated_at: created,
      ...(whole && {
        permissions: { admin: false, maintain: false, push: true, triage: true, pull: true },
        allow_merge_commit: settings.allowMerge,
        allow_squash_merge: settings.allowSquash,
        allow_rebase_merge: settings.allowRebase,
        allow_auto_merge: false,
        allow_update_branch: false,
        delete_branch_on_merge: settings.deleteBranchOnMerge,
        web_commit_signoff_required: false,
        network_count: 0,
        subscribers_count: 0,
      }),
    };
  }

  label(name: string): Record<string, unknown> {
    const { id, color, description, name: shown } = this.#state.label(name);
    const url = `${this.repo}/labels/${encodeURIComponent(shown)}`;
    return { id, node_id: nodeId("L", id), url, name: shown, color, default: false, description };
  }

  /** One of a list has no counts, and does not say whether it would merge. */
  pull(pull: Pull, counts?: Record<string, unknown>): Record<string, unknown> {
    const { owner } = this.#state;
    const url = `${this.repo}/pulls/${pull.number}`;
    const issue = `${this.repo}/issues/${pull.number}`;
    const html = `${this.html}/pull/${pull.number}`;
    const statuses = `${this.repo}/statuses/${pull.headSha}`;
    const repo = this.#lean ? { owner: undefined } : this.repository();
    const end = (ref: string, sha: string) => ({ label: `${owner}:${ref}`, ref, sha, user: repo.owner, repo });
    return {
      url,
      id: pull.id,
      node_id: nodeId("PR", pull.id),
      html_url: html,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      issue_url: issue,
      number: pull.number,
      state: pull.state,
      locked: false,
      title: pull.title,
      user: this.user(pull.user),
      body: pull.body,
      created_at: time(pull.createdAt),
      updated_at: time(pull.updatedAt),
      closed_at: maybe(pull.closedAt),
      merged_at: maybe(pull.mergedAt),
      // Before the merge it is that of a test merge, which is on no branch.
      merge_commit_sha: pull.mergeCommit ?? trial(pull),
      assignee: null,
      assignees: [],
      requested_reviewers: [],
      requested_teams: [],
      labels: pull.labels.map((name) => this.label(name)),
      milestone: null,
      draft: pull.draft,
      commits_url: `${url}/commits`,
      review_comments_url: `${url}/comments`,
      review_comment_url: `${this.repo}/pulls/comments{/number}`,
      comments_url: `${issue}/comments`,
      statuses_url: statuses,
      head: end(pull.headRef, pull.headSha),
      base: end(pull.baseRef, pull.baseSha),
      _links: {
        self: { href: url },
        html: { href: html },
        issue: { href: issue },
        comments: { href: `${issue}/comments` },
        review_comments: { href: `${url}/comments` },
        review_comment: { href: `${this.repo}/pulls/comments{/number}` },
        commits: { href: `${url}/commits` },
        statuses: { href: statuses },
      },
      author_association: this.#association(pull.user),
      auto_merge: null,
      active_lock_reason: null,
      ...(counts && {
        merged: pull.mergedAt !== undefined,
        merged_by: pull.mergedBy === undefined ? null : this.user(pull.mergedBy),
        comments: pull.comments.length,
        review_comments: 0,
        maintainer_can_modify: false,
        ...counts,
      }),
    };
  }

  #association(user: User): string {
    return user.type === "Bot" ? "NONE" : "MEMBER";
  }

  review(pull: Pull, review: Review): Record<string, unknown> {
    const html = `${this.html}/pull/${pull.number}#pullrequestreview-${review.id}`;
    const url = `${this.repo}/pulls/${pull.number}`;
    return {
      id: review.id,
      node_id: nodeId("PRR", review.id),
      user: this.user(review.user),
      body: review.body,
      state: review.state,
      html_url: html,
      pull_request_url: url,
      author_association: this.#association(review.user),
      _links: { html: { href: html }, pull_request: { href: url } },
      submitted_at: time(review.submittedAt),
      commit_id: review.commitId,
    };
  }

  comment(pull: Pull, comment: Comment): Record<string, unknown> {
    return {
      url: `${this.repo}/issues/comments/${comment.id}`,
      html_url: `${this.html}/pull/${pull.number}#issuecomment-${comment.id}`,
      issue_url: `${this.repo}/issues/${pull.number}`,
      id: comment.id,
      node_id: nodeId("IC", comment.id),
      user: this.user(comment.user),
      created_at: time(comment.createdAt),
      updated_at: time(comment.updatedAt),
      body: comment.body,
      author_association: this.#association(comment.user),
      performed_via_github_app: null,
    };
  }

  event({ id, event, actor, at }: Pull["events"][number]): Record<string, unknown> {
    return {
      id,
      node_id: nodeId("IE", id),
      url: `${this.repo}/issues/events/${id}`,
      actor: this.user(actor),
      event,
      commit_id: null,
      commit_url: null,
      created_at: time(at),
      performed_via_github_app: null,
    };
  }

  issue(pull: Pull): Record<string, unknown> {
    const url = `${this.repo}/issues/${pull.number}`;
    const html = `${this.html}/pull/${pull.number}`;
    return {
      url,
      repository_url: this.repo,
      labels_url: `${url}/labels{/name}`,
      comments_url: `${url}/comments`,
      events_url: `${url}/events`,
      html_url: html,
      id: pull.id + 1_000_000,
      node_id: nodeId("PR", pull.id),
      number: pull.number,
      title: pull.title,
      user: this.user(pull.user),
      labels: pull.labels.map((name) => this.label(name)),
      state: pull.state,
      locked: false,
      assignee: null,
      assignees: [],
      milestone: null,
      comments: pull.comments.length,
      created_at: time(pull.createdAt),
      updated_at: time(pull.updatedAt),
      closed_at: maybe(pull.closedAt),
      closed_by: pull.closedBy === undefined ? null : this.user(pull.closedBy),
      author_association: this.#association(pull.user),
      active_lock_reason: null,
      draft: pull.draft,
      body: pull.body,
      performed_via_github_app: null,
      pull_request: {
        url: `${this.repo}/pulls/${pull.number}`,
        html_url: html,
        diff_url: `${html}.diff`,
        patch_url: `${html}.patch`,
        merged_at: maybe(pull.mergedAt),
      },
    };
  }

  ref(ref: string, sha: string): Record<string, unknown> {
    const url = `${this.repo}/git/${ref}`;
    const object = { type: "commit", sha, url: `${this.repo}/git/commits/${sha}` };
    return { ref, node_id: nodeId("REF", ref), url, object };
  }

  #person(person: Person): Record<string, unknown> {
    return { name: person.name, email: person.email, date: time(person.at) };
  }

  gitCommit(commit: Commit): Record<string, unknown> {
    return {
      sha: commit.oid,
      node_id: nodeId("C", commit.oid),
      url: `${this.repo}/git/commits/${commit.oid}`,
      html_url: `${this.html}/commit/${commit.oid}`,
      author: this.#person(commit.author),
      committer: this.#person(commit.committer),
      tree: { sha: commit.tree, url: `${this.repo}/git/trees/${commit.tree}` },
      // isomorphic-git ends every message with a line's end; GitHub gives it back as it was sent.
      message: commit.message.replace(/\n$/, ""),
      parents: commit.parents.map((sha) => ({
        sha,
        url: `${this.repo}/git/commits/${sha}`,
        html_url: `${this.html}/commit/${sha}`,
      })),
      verification: { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null },
    };
  }

  commit(commit: Commit, more?: { files: object[]; stats: object }): Record<string, unknown> {
    const git = this.gitCommit(commit);
    const url = `${this.repo}/commits/${commit.oid}`;
    return {
      sha: commit.oid,
      node_id: git.node_id,
      commit: {
        author: git.author,
        committer: git.committer,
        message: git.message,
        tree: git.tree,
        url: git.url,
        comment_count: 0,
        verification: git.verification,
      },
      url,
      html_url: git.html_url,
      comments_url: `${url}/comments`,
      author: null,
      committer: null,
      parents: commit.parents.map((sha) => ({
        sha,
        url: `${this.repo}/commits/${sha}`,
        html_url: `${this.html}/commit/${sha}`,
      })),
      ...more,
    };
  }

  tree(sha: string, entries: (Entry & { size?: number })[]): Record<string, unknown> {
    return {
      sha,
      url: `${this.repo}/git/trees/${sha}`,
      tree: entries.map(({ path, mode, type, oid, size }) => ({
        path,
        mode,
        type,
        sha: oid,
        ...(size !== undefined && { size }),
        url: `${this.repo}/git/${type}s/${oid}`,
      })),
      truncated: false,
    };
  }

  content(
    path: string,
    entry: Entry,
    ref: string,
    content?: Buffer,
    size = content?.length ?? 0,
  ): Record<string, unknown> {
    const name = path.split("/").at(-1) ?? "";
    const url = `${this.repo}/contents/${path}?ref=${ref}`;
    const git = `${this.repo}/git/${entry.type}s/${entry.oid}`;
    const html = `${this.html}/blob/${ref}/${path}`;
    const file = entry.type === "blob";
    return {
      name,
      path,
      sha: entry.oid,
      size,
      url,
      html_url: html,
      git_url: git,
      download_url: file ? `https://raw.githubusercontent.com/${this.#state.fullName}/${ref}/${path}` : null,
      type: file ? "file" : "dir",
      ...(content && { content: content.toString("base64").replace(/(.{60})/g, "$1\n"), encoding: "base64" }),
      _links: { self: url, git, html },
    };
  }
}

export { nodeId, time };
