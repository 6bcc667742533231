import { errorMessage } from "../../base/errors.ts";
import type { StandingException } from "../standing/exception.ts";
import { type Candidates, StandingIndex, type StandingQuestion } from "../standing/standing.ts";
import type { Actor, StandingHome } from "../types.ts";
import type { HomeContext } from "./context.ts";
import { MAIN, USED } from "./entry.ts";
import { readUses } from "./load.ts";
import { RefConflict } from "./repository.ts";
import { mergeStanding, type ReadStanding, readStanding, revokeStanding, type SignedFiles } from "./standing.ts";

/** How soon what another gateway, or a person with git, did to main is known here. */
const POLL_MS = 2000;
/** What could not be looked at for so long lifts nothing any more: it may have been taken back. */
const STALE_MS = 30_000;

/**
 * The standing exceptions of the repository, in memory. Each change of main makes a new index beside the one that
 * serves, so that a request sees the old one or the new one whole.
 */
export class GitStanding implements StandingHome {
  readonly #home: HomeContext;
  readonly #listeners = new Set<() => void>();
  #read: ReadonlyMap<string, ReadStanding> = new Map();
  /** A commit's id is the hash of what it says: what a key signed once, it signed. */
  readonly #verified: SignedFiles = new Map();
  #index = new StandingIndex([]);
  /** Exchanges that spent a use, by the name of an exception that counts them. */
  #uses = new Map<string, string[]>();
  #main: string | undefined;
  /** When main was last looked at, by performance.now(). */
  #seenAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(home: HomeContext) {
    this.#home = home;
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
    return this.#index.size;
  }

  candidates(asked: StandingQuestion): Candidates {
    const found = this.#candidates(asked);
    if (this.#uses.size === 0) return found;
    const left = ({ name, maxUses }: { name: string; maxUses: number | undefined }): boolean =>
      maxUses === undefined || (this.#uses.get(name)?.length ?? 0) < maxUses;
    return { sure: found.sure.filter(left), open: found.open.filter(left) };
  }

  /** Those among these names that still apply, used up or not: what is open was let begin by one of its uses. */
  standing(asked: StandingQuestion, names: ReadonlySet<string>): Candidates {
    const found = this.#candidates(asked);
    const named = ({ name }: { name: string }): boolean => names.has(name);
    return { sure: found.sure.filter(named), open: found.open.filter(named) };
  }

  async use(name: string, exchangeId: string): Promise<boolean> {
    if (!/^[\w-]{1,64}$/.test(exchangeId)) throw new TypeError("an exchange id has letters, digits and dashes only");
    const maxUses = this.#index.get(name)?.maxUses;
    if (maxUses === undefined) return this.#index.get(name) !== undefined;
    const blob = await this.#home.repository.write("blob", `${exchangeId}\n`);
    for (;;) {
      const spent = this.#uses.get(name) ?? [];
      if (spent.includes(exchangeId)) return true;
      if (spent.length >= maxUses) return false;
      try {
        await this.#home.repository.swap([{ ref: `${USED}${name}/${spent.length + 1}`, from: "", to: blob }]);
        this.#uses.set(name, [...spent, exchangeId]);
        return true;
      } catch (error) {
        if (!(error instanceof RefConflict)) throw error;
        // Another gateway spent it: its refs are the truth.
        await this.#readUses(`${USED}${name}/`);
        if ((this.#uses.get(name) ?? []).length <= spent.length) throw error;
      }
    }
  }

  list(): readonly StandingException[] {
    return [...this.#read.values()].map(({ exception }) => exception);
  }

  async put(name: string, file: string, by: Actor, reason: string): Promise<void> {
    await this.merge(new Map([[name, file]]), by, reason);
  }

  remove(name: string, by: Actor, reason: string): Promise<void> {
    return this.revoke(name, by, reason);
  }

  async merge(files: ReadonlyMap<string, string>, by: { issuer: string; username: string }, reason: string) {
    await mergeStanding(this.#home, files, by, reason);
    await this.refresh();
  }

  async revoke(name: string, by: { issuer: string; username: string }, reason: string): Promise<void> {
    await revokeStanding(this.#home, name, by, reason);
    await this.refresh();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #candidates(asked: StandingQuestion): Candidates {
    if (this.#index.size === 0 || performance.now() - this.#seenAt > STALE_MS) return { sure: [], open: [] };
    return this.#index.candidates(asked, this.#home.clock.now());
  }

  async #refresh(): Promise<void> {
    const { repository, publicKeys, log, clock } = this.#home;
    const main = await repository.ref(MAIN);
    if (main !== this.#main) {
      const read =
        main === undefined
          ? new Map()
          : await readStanding(repository, publicKeys, main, this.#read, this.#verified, log);
      const gone = [...this.#read].some(([name, { blob }]) => read.get(name)?.blob !== blob);
      const same = read.size === this.#read.size && !gone;
      if (!same) {
        this.#index = new StandingIndex([...read.values()].map(({ exception }) => exception));
        log.info("standing exceptions loaded", { exceptions: read.size });
      }
      this.#read = read;
      this.#main = main;
      if ([...read.values()].some(({ exception }) => exception.maxUses !== undefined)) await this.#readUses(USED);
      if (gone) this.#tell();
    }
    this.#seenAt = performance.now();
    this.#dropExpired(clock.now());
  }

  #dropExpired(now: number): void {
    const left = new Map([...this.#read].filter(([, { exception }]) => exception.notAfter > now));
    if (left.size === this.#read.size) return;
    this.#read = left;
    this.#index = new StandingIndex([...left.values()].map(({ exception }) => exception));
    this.#tell();
  }

  /** A gap (somebody else made a ref) spends what lies below it. */
  async #readUses(prefix: string): Promise<void> {
    for (const [name, uses] of await readUses(this.#home.repository, prefix)) {
      const counted = this.#index.get(name)?.maxUses !== undefined;
      const highest = uses.at(-1)?.n ?? 0;
      const spent = Array.from({ length: highest }, (_, i) => uses.find(({ n }) => n === i + 1)?.exchangeId ?? "");
      if (counted) this.#uses.set(name, spent);
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        this.#home.log.error("a listener of standing exceptions failed", { error: errorMessage(error) });
      }
    }
  }
}
