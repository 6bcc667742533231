import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { unpackTar } from "modern-tar";
import { errorMessage, Refusal } from "../../base/errors.ts";
import { APPROVAL_NAME } from "../exception.ts";
import { StandingBook, type StandingFile } from "../standing/book.ts";
import type { StandingException } from "../standing/exception.ts";
import type { Candidates, StandingQuestion } from "../standing/standing.ts";
import { clip } from "../text.ts";
import type { Actor, StandingHome } from "../types.ts";
import type { HubContext } from "./context.ts";
import { commitAt, createRef, refsBelow, writeCommit } from "./git.ts";
import { blobAt, blobId } from "./main.ts";
import { readRecord, recordMessage } from "./records.ts";
import { USED, WITHDRAWN } from "./refs.ts";

/** Above it one tarball is less than a request for each. */
const ONE_BY_ONE = 50;
const AT_ONCE = 8;
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/** The standing exceptions of the repository on GitHub: the files of main, which branch protection guards. */
export class HubStanding implements StandingHome {
  readonly #home: HubContext;
  readonly #book: StandingBook;
  /** `<name>/<blob>` of what was taken back. */
  #withdrawn: ReadonlySet<string> = new Set();
  #taken = "";

  /** `staleMs`: without contact for so long nothing is lifted, since it may have been taken back. */
  constructor(home: HubContext, staleMs: number) {
    this.#home = home;
    const { people, clock, log } = home;
    this.#book = new StandingBook({ people, clock, log, limits: () => home.exceptionLimits(), staleMs });
  }

  get size(): number {
    return this.#book.size;
  }

  candidates(asked: StandingQuestion): Candidates {
    return this.#book.candidates(asked);
  }

  standing(asked: StandingQuestion, names: ReadonlySet<string>): Candidates {
    return this.#book.standing(asked, names);
  }

  list(): readonly StandingException[] {
    return this.#book.list();
  }

  malformed(): { name: string; error: string }[] {
    return this.#book.malformed();
  }

  onChange(listener: () => void): () => void {
    return this.#book.onChange(listener);
  }

  /** What is on main as it was last seen, less what was taken back. Throws where GitHub cannot be asked. */
  async look(withdrawn: ReadonlySet<string>): Promise<void> {
    const home = this.#home;
    this.#withdrawn = withdrawn;
    // Nothing of a rewritten main: the last good one stays in force, and so does what was taken back of it.
    const files = new Map<string, { id: string }>();
    for (const [name, blob] of home.main.folders.exceptions) {
      if (!APPROVAL_NAME.test(name) && !this.#withdrawn.has(`${name}/${blob}`)) files.set(name, { id: blob });
    }
    const taken = `${home.main.commit} ${[...this.#withdrawn].sort().join(" ")}`;
    if (taken === this.#taken) await this.#book.judge();
    else {
      const unread = await this.#book.unread(files);
      await this.#book.set(files, await this.#texts(files, unread));
      const counted = unread.filter((name) => this.#book.get(name)?.maxUses !== undefined);
      for (const name of counted) await this.#readUses(name);
      this.#taken = taken;
    }
    this.#book.seen();
  }

  async use(name: string, exchangeId: string): Promise<boolean> {
    if (!/^[\w-]{1,64}$/.test(exchangeId)) throw new TypeError("an exchange id has letters, digits and dashes only");
    const home = this.#home;
    const maxUses = this.#book.get(name)?.maxUses;
    if (maxUses === undefined) return this.#book.get(name) !== undefined;
    home.guard.checkWhole();
    for (;;) {
      const spent = this.#book.uses(name);
      if (spent.includes(exchangeId)) return true;
      if (spent.length >= maxUses) return false;
      const n = spent.length + 1;
      const message = recordMessage(home.keys, `Use ${n} of ${name}`, { kind: "use", name, n, exchangeId });
      const sha = await writeCommit(home, "use", message, home.main.tree, []);
      if (await createRef(home, "use", `${USED}${name}/${n}`, sha)) {
        this.#book.setUses(name, [...spent, exchangeId]);
        home.guard.keep(`refs/${USED}${name}/${n}`, this.#book.get(name)?.notAfter ?? 0);
        return true;
      }
      // Another gateway spent it: its refs are the truth.
      await this.#readUses(name);
      if (this.#book.uses(name).length <= spent.length) {
        throw new Refusal("approvals-unavailable", "GitHub does not show yet who spent the exception");
      }
    }
  }

  async put(name: string): Promise<void> {
    throw new Refusal("conflict", `exceptions/${clip(name, 100)}.yaml is taken into force by a pull request`, {
      next: `Open one with the file on ${this.#home.client.owner}/${this.#home.client.repo}, and have it reviewed and merged.`,
    });
  }

  /** A ref that takes this very file back; the file itself goes by a pull request. */
  async remove(name: string, by: Actor, reason: string): Promise<void> {
    const home = this.#home;
    const blob = home.main.folders.exceptions.get(name);
    if (blob === undefined || APPROVAL_NAME.test(name) || this.#withdrawn.has(`${name}/${blob}`)) {
      throw new Refusal("not-found", `there is no standing exception ${clip(name, 100)}`);
    }
    const record = {
      kind: "withdraw",
      name,
      at: home.clock.now(),
      by: by.username,
      reason: clip(reason, 1024),
    } as const;
    const sha = await writeCommit(home, "use", recordMessage(home.keys, `Revoke ${name}`, record), home.main.tree, []);
    await createRef(home, "use", `${WITHDRAWN}${name}/${blob}`, sha);
    home.guard.keep(`refs/${WITHDRAWN}${name}/${blob}`, this.#book.get(name)?.notAfter ?? 0);
    await this.look(new Set([...this.#withdrawn, `${name}/${blob}`]));
  }

  /** A gap (somebody else made a ref) spends what lies below it. */
  async #readUses(name: string): Promise<void> {
    const home = this.#home;
    const spent: string[] = [];
    for (const [n, sha] of await refsBelow(home, `${USED}${name}/`)) {
      if (!/^[1-9]\d{0,5}$/.test(n)) continue;
      home.guard.keep(`refs/${USED}${name}/${n}`, this.#book.get(name)?.notAfter ?? 0);
      const record = readRecord(home.keys, "use", (await commitAt(home, sha)).message);
      spent[Number(n) - 1] = record?.exchangeId ?? "";
    }
    this.#book.setUses(
      name,
      Array.from(spent, (exchange) => exchange ?? ""),
    );
  }

  async #texts(
    files: ReadonlyMap<string, { id: string }>,
    unread: readonly string[],
  ): Promise<ReadonlyMap<string, StandingFile>> {
    const texts = new Map<string, StandingFile>();
    const packed = unread.length > ONE_BY_ONE ? await this.#packed() : new Map<string, Uint8Array>();
    let next = 0;
    const one = async (): Promise<void> => {
      for (let name = unread[next++]; name !== undefined; name = unread[next++]) {
        const id = files.get(name)?.id ?? "";
        const bytes = packed.get(id) ?? (await blobAt(this.#home.client, id));
        texts.set(name, { text: Buffer.from(bytes).toString("utf8") });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    return texts;
  }

  /** All blobs of exceptions/ by their ids, in one request. Attributes may leave files out: those are read one by one. */
  async #packed(): Promise<Map<string, Uint8Array>> {
    const blobs = new Map<string, Uint8Array>();
    try {
      const archive = await this.#home.client.tarball(this.#home.main.commit);
      const tar = await promisify(gunzip)(archive, { maxOutputLength: MAX_UNPACKED_BYTES });
      const wanted = (name: string): boolean => /^[^/]+\/exceptions\/[^/]+\.yaml$/.test(name);
      for (const { data, header } of await unpackTar(tar, { filter: ({ name }) => wanted(name) })) {
        if (data !== undefined && wanted(header.name)) blobs.set(blobId(data), data);
      }
    } catch (error) {
      this.#home.log.warn("the exceptions are read one by one, since they could not be read at once", {
        error: errorMessage(error),
      });
    }
    return blobs;
  }
}
