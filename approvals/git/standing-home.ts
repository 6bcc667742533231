import { errorMessage } from "../../base/errors.ts";
import { checkApplier } from "../standing/applier.ts";
import { StandingBook } from "../standing/book.ts";
import type { StandingException } from "../standing/exception.ts";
import { Slices } from "../standing/slices.ts";
import type { Candidates, StandingQuestion } from "../standing/standing.ts";
import type { Actor, StandingHome } from "../types.ts";
import type { HomeContext } from "./context.ts";
import { USED } from "./entry.ts";
import { ignoreConflict, readUses } from "./load.ts";
import { goodMain } from "./main.ts";
import { RefConflict } from "./repository.ts";
import { checkedFile, mergeStanding, revokeStanding } from "./standing.ts";
import { ENDED, type ListedFile, listStanding, readTexts, type SignedFiles } from "./standing-files.ts";

/** How soon what another gateway, or a person with git, did to main is known here. */
const POLL_MS = 2000;
/** Refs of one transaction. */
const AT_ONCE = 250;
/** What could not be looked at for so long lifts nothing any more: it may have been taken back. */
const STALE_MS = 30_000;

/** The standing exceptions of the embedded repository: those files of main that a commit of a merge key brought there. */
export class GitStanding implements StandingHome {
  readonly #home: HomeContext;
  readonly #book: StandingBook;
  /** A commit's id is the hash of what it says: what a key signed once, it signed. */
  readonly #verified: SignedFiles = new Map();
  #listed: ReadonlyMap<string, ListedFile> = new Map();
  #main: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(home: HomeContext) {
    this.#home = home;
    const { people, clock, log } = home;
    this.#book = new StandingBook({ people, clock, log, limits: () => home.exceptionLimits(), staleMs: STALE_MS });
  }

  /** Reads what there is, and from then on what changes. */
  async start(): Promise<void> {
    await this.#refresh();
    this.#timer = setInterval(() => void this.refresh(), POLL_MS).unref();
  }

  /** Looks at main now; resolves when what is there is in force. What cannot be read leaves the old ones in force. */
  refresh(): Promise<void> {
    this.#running = this.#running
      .then(() => this.#refresh())
      .catch((error: unknown) =>
        this.#home.log.error("standing exceptions could not be read again", { error: errorMessage(error) }),
      );
    return this.#running;
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

  /** Files of main that stand for nothing, and why. */
  malformed(): { name: string; error: string }[] {
    return this.#book.malformed();
  }

  onChange(listener: () => void): () => void {
    return this.#book.onChange(listener);
  }

  async use(name: string, exchangeId: string): Promise<boolean> {
    if (!/^[\w-]{1,64}$/.test(exchangeId)) throw new TypeError("an exchange id has letters, digits and dashes only");
    const maxUses = this.#book.get(name)?.maxUses;
    if (maxUses === undefined) return this.#book.get(name) !== undefined;
    const blob = await this.#home.repository.write("blob", `${exchangeId}\n`);
    for (;;) {
      const spent = this.#book.uses(name);
      if (spent.includes(exchangeId)) return true;
      if (spent.length >= maxUses) return false;
      try {
        await this.#home.repository.swap([{ ref: `${USED}${name}/${spent.length + 1}`, from: "", to: blob }]);
        this.#book.setUses(name, [...spent, exchangeId]);
        this.#keepUse(name, spent.length + 1);
        return true;
      } catch (error) {
        if (!(error instanceof RefConflict)) throw error;
        // Another gateway spent it: its refs are the truth.
        await this.#readUses([name]);
        if (this.#book.uses(name).length <= spent.length) throw error;
      }
    }
  }

  async put(name: string, file: string, by: Actor, reason: string): Promise<void> {
    checkApplier(this.#home.people, checkedFile(this.#home, name, file), by);
    await this.merge(new Map([[name, file]]), by, reason);
  }

  remove(name: string, by: Actor, reason: string): Promise<void> {
    return this.revoke(name, by, reason);
  }

  /** As `put`, for many and with nobody asked who `by` is: the caller answers for it. */
  async merge(files: ReadonlyMap<string, string>, by: { issuer: string; username: string }, reason: string) {
    await mergeStanding(this.#home, files, by, reason);
    await this.refresh();
  }

  async revoke(name: string, by: { issuer: string; username: string }, reason: string): Promise<void> {
    await revokeStanding(this.#home, name, by, reason);
    await this.refresh();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #refresh(): Promise<void> {
    // The last good one while main is rewritten: what was in force stays.
    const main = await goodMain(this.#home);
    if (main === this.#main) await this.#book.judge();
    else await this.#read(main);
    this.#main = main;
    this.#book.seen();
  }

  async #read(main: string | undefined): Promise<void> {
    const { repository, publicKeys, guard } = this.#home;
    const listed: Map<string, ListedFile> =
      main === undefined
        ? new Map()
        : await listStanding(repository, publicKeys, main, this.#verified, guard.kept(ENDED));
    const unread = await this.#book.unread(listed);
    const texts = await readTexts(repository, listed, unread);
    const slices = new Slices();
    const ends: [ref: string, until: number][] = [];
    for (const [name, { hash, ended, at }] of this.#listed) {
      if (slices.over) await slices.turn();
      if (hash === "" || ended || (listed.get(name)?.at ?? Number.POSITIVE_INFINITY) <= at) continue;
      ends.push([`${ENDED}${name}/${at}`, this.#book.get(name)?.notAfter ?? 0]);
    }
    await this.#book.set(listed, texts);
    const counted: string[] = [];
    for (const name of unread) {
      if (slices.over) await slices.turn();
      if (this.#book.get(name)?.maxUses !== undefined) counted.push(name);
    }
    await this.#readUses(counted);
    await this.#end(ends);
    this.#listed = listed;
  }

  /** What was replaced, or taken off main by a gateway or a person with git, comes back by a new approval alone. */
  async #end(ends: readonly [ref: string, until: number][]): Promise<void> {
    if (ends.length === 0) return;
    const { repository, guard } = this.#home;
    const there = await repository.resolve(ends.map(([ref]) => ref));
    const missing = ends.filter((_, i) => there[i] === undefined);
    const to = missing.length === 0 ? "" : await repository.write("blob", "its file was taken off main\n");
    for (let i = 0; i < missing.length; i += AT_ONCE) {
      const changes = missing.slice(i, i + AT_ONCE).map(([ref]) => ({ ref, from: "", to }));
      await repository.swap(changes).catch(async (error: unknown) => {
        ignoreConflict(error);
        // Another replica does the same, and may have done a part of it.
        for (const change of changes) await repository.swap([change]).catch(ignoreConflict);
      });
    }
    guard.keepAll(ends);
  }

  #keepUse(name: string, n: number): void {
    const notAfter = this.#book.get(name)?.notAfter ?? 0;
    this.#home.guard.keep(`${USED}${name}/${n}`, notAfter, `${USED}${name}/`);
  }

  /** A gap (somebody else made a ref) spends what lies below it. */
  async #readUses(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const [only] = names;
    const prefix = names.length === 1 ? `${USED}${only}/` : USED;
    const uses = await readUses(this.#home.repository, prefix);
    for (const name of names) {
      const spent = uses.get(name) ?? [];
      // Whoever made a ref of a very high number has spent what there is, and no more.
      const last = Math.max(spent.at(-1)?.n ?? 0, ...this.#keptUses(name));
      const highest = Math.min(last, this.#book.get(name)?.maxUses ?? 0);
      const ids = Array.from({ length: highest }, (_, i) => spent.find(({ n }) => n === i + 1)?.exchangeId ?? "");
      this.#book.setUses(name, ids);
      const own = spent.findLast(({ n }) => n <= highest);
      if (own !== undefined && own.n === highest) this.#keepUse(name, own.n);
    }
  }

  /** Uses whose refs must be there: spent, whether they are there or not. */
  #keptUses(name: string): number[] {
    const prefix = `${USED}${name}/`;
    return this.#home.guard.kept(prefix).map((ref) => Number(ref.slice(prefix.length)));
  }
}
