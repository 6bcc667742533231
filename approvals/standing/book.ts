import type { Clock } from "../../base/clock.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { listing, type Person } from "../voters.ts";
import { parseStanding, type StandingException } from "./exception.ts";
import { meaningIssues, type StandingLimits } from "./meaning.ts";
import { Slices } from "./slices.ts";
import { type Candidates, StandingIndex, type StandingQuestion } from "./standing.ts";

/** A file of `exceptions/`, or why it stands for nothing before anybody read it (no key signed it, and the like). */
export type StandingFile = { text: string } | { error: string };

interface Known {
  /** Of these very bytes: the same id need not be read again. */
  id: string;
  exception?: StandingException;
  error?: string;
}

/** Changes that are made in place. More of them make a new index beside the one that serves. */
const IN_PLACE = 200;

/**
 * The standing exceptions of a repository, in memory: which files are there, which of them stand for something by the
 * guardrails in force, and the index that requests are matched with. Shared by both homes; what a home adds is where the
 * files come from, and that nobody put them there who may not.
 */
export class StandingBook {
  readonly #options: { people: readonly Person[]; limits(): StandingLimits; clock: Clock; log: Log; staleMs: number };
  readonly #listed: (username: string) => boolean;
  readonly #listeners = new Set<() => void>();
  #known: ReadonlyMap<string, Known> = new Map();
  #inForce: ReadonlyMap<string, StandingException> = new Map();
  #inOrder: readonly StandingException[] | undefined;
  #malformed: ReadonlyMap<string, string> = new Map();
  #index = new StandingIndex();
  /** Exchanges that spent a use, by the name of an exception that counts them. */
  readonly #uses = new Map<string, readonly string[]>();
  /** When the repository was last seen, by performance.now(). */
  #seenAt = Number.NEGATIVE_INFINITY;

  /** `staleMs`: what could not be looked at for so long lifts nothing any more, since it may have been taken back. */
  constructor(options: {
    people: readonly Person[];
    limits(): StandingLimits;
    clock: Clock;
    log: Log;
    staleMs: number;
  }) {
    this.#options = options;
    this.#listed = listing(options.people);
  }

  get size(): number {
    return this.#index.size;
  }

  get(name: string): StandingException | undefined {
    return this.#index.get(name);
  }

  /** Those in force, in order of their names. */
  list(): readonly StandingException[] {
    // Git's order is that of the files' names: "a-b.yaml" stands before "a.yaml".
    this.#inOrder ??= [...this.#inForce.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#inOrder;
  }

  /** Files that stand for nothing, and why. What has expired is none of them. */
  malformed(): { name: string; error: string }[] {
    return [...this.#malformed].map(([name, error]) => ({ name, error }));
  }

  candidates(asked: StandingQuestion): Candidates {
    const found = this.#candidates(asked);
    if (this.#uses.size === 0) return found;
    const left = ({ name, maxUses }: StandingException): boolean =>
      maxUses === undefined || this.uses(name).length < maxUses;
    return { sure: found.sure.filter(left), open: found.open.filter(left) };
  }

  /** Those among these names that still apply, used up or not: what is open was let begin by one of its uses. */
  standing(asked: StandingQuestion, names: ReadonlySet<string>): Candidates {
    const found = this.#candidates(asked);
    const named = ({ name }: StandingException): boolean => names.has(name);
    return { sure: found.sure.filter(named), open: found.open.filter(named) };
  }

  uses(name: string): readonly string[] {
    return this.#uses.get(name) ?? [];
  }

  setUses(name: string, exchangeIds: readonly string[]): void {
    this.#uses.set(name, exchangeIds);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Names whose file, by its id, was not read yet. */
  async unread(files: ReadonlyMap<string, { id: string }>): Promise<string[]> {
    const slices = new Slices();
    const unread: string[] = [];
    for (const [name, { id }] of files) {
      if (slices.over) await slices.turn();
      if (this.#known.get(name)?.id !== id) unread.push(name);
    }
    return unread;
  }

  /**
   * Takes what is there now: `files` are all names, each with an id of its bytes, `texts` the files of at least the unread
   * ones. Parses them in slices, and changes what is in force in one go. One caller at a time.
   */
  async set(files: ReadonlyMap<string, { id: string }>, texts: ReadonlyMap<string, StandingFile>): Promise<void> {
    const slices = new Slices();
    const known = new Map<string, Known>();
    for (const [name, { id }] of files) {
      if (slices.over) await slices.turn();
      const before = this.#known.get(name);
      const file = texts.get(name);
      if (before?.id === id) known.set(name, before);
      else if (file !== undefined) known.set(name, { id, ...this.#read(name, file) });
    }
    this.#known = known;
    await this.judge();
  }

  /** Judges what is known by the guardrails and the time as they are now. */
  async judge(): Promise<void> {
    const slices = new Slices();
    const meaning = { limits: this.#options.limits(), listed: this.#listed, now: this.#options.clock.now() };
    const inForce = new Map<string, StandingException>();
    const malformed = new Map<string, string>();
    for (const [name, { exception, error }] of this.#known) {
      if (slices.over) await slices.turn();
      if (error !== undefined) malformed.set(name, error);
      if (exception === undefined || exception.notAfter <= meaning.now) continue;
      const [issue] = meaningIssues(exception, meaning);
      if (issue === undefined) inForce.set(name, exception);
      else malformed.set(name, `${issue.path}: ${issue.message}`);
    }
    for (const [name, error] of malformed) {
      if (this.#malformed.get(name) === error) continue;
      this.#options.log.warn("a file of exceptions stands for nothing", { name, error });
    }
    this.#malformed = malformed;
    await this.#bring(inForce, slices);
  }

  /** The repository was just seen, and what is here is what it said. */
  seen(): void {
    this.#seenAt = performance.now();
  }

  async #bring(inForce: ReadonlyMap<string, StandingException>, slices: Slices): Promise<void> {
    const gone: string[] = [];
    const come: StandingException[] = [];
    for (const [name, exception] of this.#inForce) {
      if (slices.over) await slices.turn();
      if (inForce.get(name) !== exception) gone.push(name);
    }
    for (const [name, exception] of inForce) {
      if (slices.over) await slices.turn();
      if (this.#inForce.get(name) !== exception) come.push(exception);
    }
    if (gone.length + come.length === 0) return;
    if (gone.length + come.length <= IN_PLACE) {
      // In one go, so that a request sees all of the change or nothing of it.
      for (const name of gone) this.#index.delete(name);
      for (const exception of come) this.#index.add(exception);
    } else {
      const index = new StandingIndex();
      for (const exception of inForce.values()) {
        if (slices.over) await slices.turn();
        index.add(exception);
      }
      this.#index = index;
    }
    this.#inForce = inForce;
    this.#inOrder = undefined;
    for (const name of gone) if (!inForce.has(name)) this.#uses.delete(name);
    this.#options.log.info("standing exceptions changed", {
      inForce: inForce.size,
      gone: gone.length,
      come: come.length,
    });
    if (gone.length > 0) this.#tell();
  }

  #read(name: string, file: StandingFile): Pick<Known, "exception" | "error"> {
    if ("error" in file) return file;
    try {
      const exception = parseStanding(name, file.text);
      return exception === undefined ? {} : { exception };
    } catch (error) {
      return { error: error instanceof ConfigError ? said(error) : errorMessage(error) };
    }
  }

  #candidates(asked: StandingQuestion): Candidates {
    if (this.#index.size === 0 || performance.now() - this.#seenAt > this.#options.staleMs)
      return { sure: [], open: [] };
    return this.#index.candidates(asked, this.#options.clock.now());
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        this.#options.log.error("a listener of standing exceptions failed", { error: errorMessage(error) });
      }
    }
  }
}

const MOST = 10;

/** A file's mistakes in one line, the first few. */
function said({ issues }: ConfigError): string {
  const shown = issues.slice(0, MOST).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return issues.length > MOST ? `${shown.join("; ")}; and ${issues.length - MOST} more` : shown.join("; ");
}
