import { MemoryRepository } from "./memory-repository.ts";
import { type Commit, type GitStore, Repository } from "./repository.ts";

/** What GitHub keeps beside git: who there is, pull requests with their reviews, comments and labels, teams, settings. */
export interface User {
  login: string;
  id: number;
  type: "User" | "Bot";
}
export interface Comment {
  id: number;
  user: User;
  body: string;
  /** Milliseconds since the epoch, as all times of the state. */
  createdAt: number;
  updatedAt: number;
}
export interface Review {
  id: number;
  user: User;
  body: string;
  state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED";
  commitId: string;
  submittedAt: number;
}
export interface Pull {
  number: number;
  id: number;
  user: User;
  title: string;
  body: string | null;
  state: "open" | "closed";
  draft: boolean;
  headRef: string;
  headSha: string;
  baseRef: string;
  baseSha: string;
  /** Set when it is closed or merged: what its files are compared with from then on. */
  mergeBase?: string;
  createdAt: number;
  updatedAt: number;
  /** Orders what changed within one second. */
  touched: number;
  closedAt?: number;
  closedBy?: User;
  mergedAt?: number;
  mergedBy?: User;
  mergeCommit?: string;
  labels: string[];
  reviews: Review[];
  comments: Comment[];
  /** What was done to it, as `issues/{n}/events` tells: nobody can take one away. */
  events: { id: number; event: "closed" | "merged" | "reopened"; actor: User; at: number }[];
}

/** What guards the branch; `by`: classic branch protection, or a ruleset, which an app may read without administration. */
export interface Protection {
  by: "classic" | "ruleset";
  reviews: number;
  codeOwners: boolean;
  dismissStale: boolean;
  lastPush: boolean;
  enforceAdmins: boolean;
  /** The app may merge past it. */
  bypass?: boolean;
  /** What GitHub refuses where nothing is said of it. */
  forcePushes?: boolean;
  deletions?: boolean;
}

export interface Settings {
  allowMerge: boolean;
  allowSquash: boolean;
  allowRebase: boolean;
  deleteBranchOnMerge: boolean;
  private: boolean;
}

/** An answer other than success, thrown from wherever it becomes clear. */
export class Fault extends Error {
  readonly status: number;
  readonly errors?: object[];
  constructor(status: number, message: string, errors?: object[]) {
    super(message);
    this.status = status;
    if (errors !== undefined) this.errors = errors;
  }
}
export const notFound = () => new Fault(404, "Not Found");
export const invalid = (resource: string, field: string, code: string, message?: string) =>
  new Fault(422, "Validation Failed", [{ resource, field, code, ...(message && { message }) }]);

/** Tells of a change: what a webhook delivers. `pull`: whom it is about. */
export type Announce = (event: string, action: string | undefined, details: Announcement) => void;
export interface Announcement {
  sender: User;
  pull?: Pull;
  review?: Review;
  comment?: Comment;
  ref?: { ref: string; before: string; after: string };
}

export interface StateOptions {
  owner: string;
  name: string;
  branch: string;
  now: () => number;
  /** A bare repository's folder; in memory without one. */
  path?: string;
}

export class State {
  /** Git may move branches on disk, where nobody is told. */
  readonly onDisk: boolean;
  readonly owner: string;
  readonly name: string;
  readonly branch: string;
  readonly now: () => number;
  readonly git: GitStore;
  readonly pulls = new Map<number, Pull>();
  readonly repositoryLabels = new Map<string, { id: number; name: string; color: string; description: string }>();
  /** `organisation/team` → login in lower case → what they are there. */
  readonly teams = new Map<string, Map<string, "active" | "pending">>();
  readonly settings: Settings = {
    allowMerge: true,
    allowSquash: true,
    allowRebase: true,
    deleteBranchOnMerge: true,
    private: true,
  };
  protection: Protection | undefined;
  announce: Announce = () => {};
  readonly #users = new Map<string, User>();
  #ids = 1000;
  #numbers = 0;
  #turn: Promise<unknown> = Promise.resolve();
  /** Grows with each change that was made here. */
  changes = 0;

  private constructor(options: StateOptions, git: GitStore) {
    this.owner = options.owner;
    this.name = options.name;
    this.branch = options.branch;
    this.now = options.now;
    this.onDisk = options.path !== undefined;
    this.git = git;
  }

  static async open(options: StateOptions): Promise<State> {
    const { path, branch } = options;
    return new State(options, path === undefined ? new MemoryRepository() : await Repository.open(path, branch));
  }

  get fullName(): string {
    return `${this.owner}/${this.name}`;
  }

  id(): number {
    this.#ids += 1;
    return this.#ids;
  }
  number(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  /** Whoever has this login; GitHub compares logins without case. */
  user(login: string): User {
    const key = login.toLowerCase();
    const user = this.#users.get(key) ?? { login, id: this.id(), type: login.endsWith("[bot]") ? "Bot" : "User" };
    this.#users.set(key, user);
    return user;
  }

  note(pull: Pull, event: Pull["events"][number]["event"], actor: User): void {
    pull.events.push({ id: this.id(), event, actor, at: this.now() });
  }

  pull(number: number): Pull {
    const pull = this.pulls.get(number);
    if (pull === undefined) throw notFound();
    return pull;
  }

  touch(pull: Pull): void {
    pull.updatedAt = this.now();
    pull.touched = this.id();
  }

  label(name: string): { id: number; name: string; color: string; description: string } {
    const key = name.toLowerCase();
    const label = this.repositoryLabels.get(key) ?? { id: this.id(), name, color: "ededed", description: "" };
    this.repositoryLabels.set(key, label);
    return label;
  }

  /** One change at a time: a compare-and-swap is one only where nothing comes between its halves. */
  async inTurn<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(change).finally(() => {
      this.changes += 1;
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** The commit that a branch, tag, full ref or commit id names. */
  async resolve(name: string): Promise<Commit | undefined> {
    for (const ref of name.startsWith("refs/") ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`]) {
      const oid = await this.git.ref(ref);
      if (oid !== undefined) return this.git.commit(oid);
    }
    return this.git.commit(name);
  }
}
