import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { Clock } from "../base/clock.ts";
import { errorMessage, Refusal, UserError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { HomeStatus } from "./types.ts";

/** A person's word, on record under a gateway's key, that main is right at `to` after it was rewritten from `from`. */
export interface Reset {
  from: string;
  to: string;
}

/** What only the repository can say. Both throw where it cannot be asked. */
export interface HistoryQuestions {
  /** Whether `from` is `to` itself or one of its ancestors; false where `from` is not in the repository any more. */
  isAncestor(from: string, to: string): Promise<boolean>;
  /** Resets on record that count, by whichever replica. */
  resets(): Promise<readonly Reset[]>;
}

/** Refs that were there when they were looked at, and which of the guard's had to be, by then. */
export interface Present {
  refs: { has(ref: string): boolean };
  /** `kept` of all, from before they were looked at: of what was created since they need not say anything. */
  kept: readonly string[];
}

const stateSchema = z.strictObject({
  version: z.literal(1),
  repository: z.string(),
  main: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/),
  /** Refs that must be there until then (milliseconds since the epoch). */
  refs: z.record(z.string(), z.number()),
});
type State = z.output<typeof stateSchema>;

/**
 * Keeps a gateway from going backwards: whoever can push, but not approve, could rewrite main to a day when an exception
 * that was taken back still stood, or delete the ref that says that an approval is spent. The last good main, and the
 * refs that must not go, are in a file outside the repository, so that a restart does not forget them. What contradicts
 * them freezes the home: what was known stays, and nothing new counts until a person resets it.
 */
export class HistoryGuard {
  readonly #file: string | undefined;
  readonly #repository: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #main: string | undefined;
  readonly #refs = new Map<string, number>();
  #frozen: HomeStatus["frozen"];
  /** What was wrong with the refs when they were last looked at. */
  #wrong: string | undefined;

  /**
   * `file` is `approvals.state`, in memory only where absent; `repository` says which one it is of. Throws a UserError
   * where the file cannot be read, or is another repository's: to go on without it would be to forget.
   */
  constructor(options: { file: string | undefined; repository: string; clock: Clock; log: Log }) {
    this.#file = options.file;
    this.#repository = options.repository;
    this.#clock = options.clock;
    this.#log = options.log;
    const state = options.file === undefined ? undefined : readState(options.file, options.repository);
    this.#main = state?.main;
    for (const [ref, until] of Object.entries(state?.refs ?? {})) this.#refs.set(ref, until);
  }

  /** The newest main that was good; undefined before the first look. */
  get lastGood(): string | undefined {
    return this.#main;
  }

  get frozen(): HomeStatus["frozen"] {
    return this.#frozen;
  }

  /** Throws Refusal `approvals-unavailable` while frozen. */
  checkWhole(): void {
    if (this.#frozen === undefined) return;
    throw new Refusal("approvals-unavailable", "the history of the approvals repository was rewritten", {
      next: 'Nothing new is approved until an operator has looked at it and run "sallyport approvals reset".',
    });
  }

  /**
   * Looks at main's tip as it is now, and at the refs that are there (where the caller has them all). Resolves to
   * whether what it says counts: from then on it is the last good one.
   */
  async look(tip: string | undefined, ask: HistoryQuestions, present?: Present): Promise<boolean> {
    const main = await this.#wrongMain(tip, ask);
    if (present !== undefined) this.#wrong = this.#wrongRefs(present);
    const why = main ?? this.#wrong;
    if (why === undefined) {
      this.advance(tip as string);
      if (this.#frozen !== undefined) this.#log.warn("the history of the approvals repository is whole again");
      this.#frozen = undefined;
      return true;
    }
    const to = tip ?? "";
    if (this.#frozen === undefined || this.#frozen.to !== to || this.#frozen.why !== why) {
      this.#frozen = { from: this.#main ?? "", to, at: this.#frozen?.at ?? this.#clock.now(), why };
      this.#log.error("the history of the approvals repository was rewritten; nothing new counts until it is reset", {
        ...this.#frozen,
      });
    }
    return false;
  }

  /** main went on to this commit by what we did ourselves. */
  advance(tip: string): void {
    if (tip === this.#main) return;
    this.#main = tip;
    this.#write();
  }

  /**
   * This ref must be there until then (milliseconds since the epoch): a use, a revocation, a kill. `insteadOf` is a prefix
   * of refs that need not be there any more, since this one says all that they said.
   */
  keep(ref: string, until: number, insteadOf?: string): void {
    this.keepAll([[ref, until]], insteadOf);
  }

  /** The same for many, in one write. */
  keepAll(refs: Iterable<readonly [ref: string, until: number]>, insteadOf?: string): void {
    const now = this.#clock.now();
    const more = [...refs].filter(([ref, until]) => (this.#refs.get(ref) ?? 0) < until && until > now);
    if (more.length === 0) return;
    if (insteadOf !== undefined) for (const old of this.kept(insteadOf)) this.#refs.delete(old);
    for (const [ref, until] of more) this.#refs.set(ref, until);
    this.#write();
  }

  /** Refs of a prefix that must be there: what they said still counts, whether they are there or not. */
  kept(prefix: string): string[] {
    return [...this.#refs.keys()].filter((ref) => ref.startsWith(prefix));
  }

  /** A person looked at it and says that it is right as it is: `tip` is the last good one from now on. */
  reset(tip: string): void {
    this.#refs.clear();
    this.#main = tip;
    this.#frozen = undefined;
    this.#wrong = undefined;
    this.#write();
  }

  async #wrongMain(tip: string | undefined, ask: HistoryQuestions): Promise<string | undefined> {
    if (tip === undefined) return "main is gone";
    const from = this.#main;
    if (from === undefined || tip === from || (await ask.isAncestor(from, tip))) return undefined;
    for (const reset of await ask.resets()) {
      // Only what came before it: else an old reset would take a later main back to its own.
      const ours = reset.from === from || (await ask.isAncestor(from, reset.from));
      if (!ours || !(await ask.isAncestor(reset.to, tip))) continue;
      this.#log.warn("a rewritten main of the approvals repository was accepted by a person", { ...reset });
      this.#refs.clear();
      return undefined;
    }
    return "main does not descend from the last good one";
  }

  #wrongRefs({ refs, kept }: Present): string | undefined {
    const now = this.#clock.now();
    for (const ref of kept) {
      const until = this.#refs.get(ref);
      if (until === undefined) continue;
      if (until <= now) this.#refs.delete(ref);
      else if (!refs.has(ref)) return `${ref} is gone`;
    }
    return undefined;
  }

  #write(): void {
    if (this.#file === undefined || this.#main === undefined) return;
    const state: State = {
      version: 1,
      repository: this.#repository,
      main: this.#main,
      refs: Object.fromEntries(this.#refs),
    };
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const file = openSync(`${this.#file}.new`, "w", 0o600);
    try {
      writeSync(file, `${JSON.stringify(state)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function readState(file: string, repository: string): State | undefined {
  if (!existsSync(file)) return undefined;
  let why: string;
  try {
    const state = stateSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    if (state.repository === repository) return state;
    why = `is of ${state.repository}, and approvals are now in ${repository}`;
  } catch (error) {
    why = `cannot be read: ${errorMessage(error)}`;
  }
  throw new UserError(`approvals.state ${file} ${why}`, {
    next: "Restore it. If main of the repository is known to be right as it is now, delete the file: it is made anew.",
  });
}
