import { comment, dismiss, editPull, type MergeTerms, mergePull, openPull, review, setLabels } from "./pulls.ts";
import { close, createRef, deleteRef, moved } from "./refs.ts";
import { Fault, type Pull, type Review, type State } from "./state.ts";
import { edit, type File } from "./trees.ts";

/** Paths and their new content; null removes one. */
export type Files = Record<string, string | null>;
const EVENTS = { APPROVED: "APPROVE", CHANGES_REQUESTED: "REQUEST_CHANGES", COMMENTED: "COMMENT" } as const;

/** What a person does on the web or by git; as their own token does by the API. */
export class Person {
  readonly login: string;
  readonly #state: State;

  constructor(state: State, login: string) {
    this.#state = state;
    this.login = login;
  }

  get #user() {
    return this.#state.user(this.login);
  }

  #pull<T>(number: number, act: (pull: Pull) => T | Promise<T>): Promise<T> {
    return this.#state.inTurn(async () => act(this.#state.pull(number)));
  }

  review(number: number, wanted: { state: keyof typeof EVENTS; body?: string; commitId?: string }): Promise<Review> {
    const { state, body, commitId } = wanted;
    const asked = { event: EVENTS[state], body: body ?? (state === "APPROVED" ? "" : "a comment") };
    return this.#pull(number, (pull) =>
      review(this.#state, pull, this.#user, { ...asked, ...(commitId && { commitId }) }),
    );
  }

  dismiss(number: number, reviewId: number): Promise<Review> {
    return this.#pull(number, (pull) => dismiss(this.#state, pull, this.#user, reviewId));
  }

  /** Resolves to the commit on the base branch. */
  merge(number: number, terms: MergeTerms = {}): Promise<string> {
    return this.#pull(number, (pull) => mergePull(this.#state, pull, this.#user, terms));
  }

  async close(number: number): Promise<void> {
    await this.#pull(number, (pull) => (pull.state === "open" ? close(this.#state, pull, this.#user) : undefined));
  }
  async reopen(number: number): Promise<void> {
    await this.#pull(number, (pull) => editPull(this.#state, pull, this.#user, { state: "open" }));
  }
  async edit(number: number, changes: { title?: string; body?: string; base?: string }): Promise<void> {
    await this.#pull(number, (pull) => editPull(this.#state, pull, this.#user, changes));
  }
  async comment(number: number, body: string): Promise<void> {
    await this.#pull(number, (pull) => void comment(this.#state, pull, this.#user, body));
  }
  async label(number: number, names: string[]): Promise<void> {
    await this.#pull(number, (pull) => setLabels(this.#state, pull, this.#user, names));
  }

  /**
   * A commit on a branch, made from main where it was not there; `force`: in place of the branch's commits, from
   * `onto` (main where absent). The branch's protection is not asked: this is who may. Resolves to the commit.
   */
  push(
    branch: string,
    files: Files,
    options: { force?: boolean; onto?: string; message?: string } = {},
  ): Promise<string> {
    const { force = false, onto, message = `Change ${Object.keys(files).join(", ")}` } = options;
    return this.#state.inTurn(async () => {
      const state = this.#state;
      const ref = `refs/heads/${branch}`;
      const before = await state.git.ref(ref);
      const from = onto ?? (force ? undefined : before) ?? (await state.git.ref(`refs/heads/${state.branch}`));
      const parent = from === undefined ? undefined : await state.git.commit(from);
      const changes = new Map<string, File | null>();
      for (const [path, content] of Object.entries(files)) {
        const oid = content === null ? undefined : await state.git.writeBlob(Buffer.from(content));
        changes.set(path, oid === undefined ? null : { mode: "100644", oid });
      }
      const tree = (await edit(state.git, parent?.tree, changes)) ?? (await state.git.writeTree([]));
      const who = { name: this.login, email: `${this.login}@example.com`, at: state.now() };
      const parents = parent === undefined ? [] : [parent.oid];
      const commit = await state.git.writeCommit({ tree, parents, message, author: who, committer: who });
      if (before === undefined) {
        if (parent === undefined) await state.git.setRef(ref, commit);
        else await createRef(state, ref, commit, this.#user);
      } else await moved(state, ref, before, commit, this.#user);
      return commit;
    });
  }

  /** Moves a branch to a commit that is there, wherever that is in history. */
  async forcePush(branch: string, commit: string): Promise<void> {
    await this.#state.inTurn(async () => {
      const ref = `refs/heads/${branch}`;
      const before = await this.#state.git.ref(ref);
      if (before === undefined) throw new Fault(422, "Reference does not exist");
      await moved(this.#state, ref, before, commit, this.#user);
    });
  }

  async deleteBranch(branch: string): Promise<void> {
    await this.#state.inTurn(() => deleteRef(this.#state, `refs/heads/${branch}`, this.#user));
  }

  /** Opens a pull request; with `files`, `head` is made with them first. Resolves to its number. */
  async open(wanted: { title: string; head: string; files?: Files; body?: string; base?: string }): Promise<number> {
    const { title, head, files, body, base = this.#state.branch } = wanted;
    if (files !== undefined) await this.push(head, files);
    const pull = await this.#state.inTurn(() =>
      openPull(this.#state, this.#user, { title, head, base, ...(body !== undefined && { body }) }),
    );
    return pull.number;
  }
}
