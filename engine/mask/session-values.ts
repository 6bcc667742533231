import { KnownValues } from "./known-values.ts";
import { ValuesBudget } from "./values-budget.ts";

/** As many as are known to be open (proxy/open-sessions.ts). */
const SESSIONS = 100_000;

/** What is on its way when its session ends comes on record within so long: the API server's answer, a stream's last frames. */
const LATE_MS = 60_000;
const NONE: readonly KnownValues[] = [];
/** Stands for what is known no more: whatever is searched for it is left out. */
const LOST = new KnownValues();
LOST.forget();

/** Sessions that ended within the last minute: as many as are searched, and as many as are told from the others. */
interface LateLimits {
  searched: number;
  ended: number;
}

/** The known values of each session of this process, until it ends. */
export class SessionValues {
  readonly #sessions = new Map<string, KnownValues>();
  readonly #budget = new ValuesBudget();
  /** Of sessions that ended a moment ago. */
  readonly #late = new Map<string, KnownValues>();
  readonly #lateBudget = new ValuesBudget();
  readonly #limits: LateLimits;
  #searched = 0;
  /** How many ended a moment ago and are not told from the others: there were too many. */
  #untold = 0;

  constructor(limits: LateLimits = { searched: 1_000, ended: SESSIONS }) {
    this.#limits = limits;
  }

  of(sessionId: string): KnownValues {
    let known = this.#sessions.get(sessionId);
    if (known === undefined) {
      if (this.#sessions.size >= SESSIONS) this.#forgetEmpty();
      known = new KnownValues(this.#budget);
      this.#sessions.set(sessionId, known);
    }
    return known;
  }

  /** What a session holds that is not forgotten with it is bounded by what all may hold. */
  #forgetEmpty(): void {
    for (const [id, known] of this.#sessions) if (known.size === 0 && known.complete) this.#sessions.delete(id);
  }

  /** What it knew is looked for a moment longer; where that is more than can be, what comes of it is left out. */
  forget(sessionId: string): void {
    const rest = this.#sessions.get(sessionId)?.forget(this.#lateBudget);
    this.#sessions.delete(sessionId);
    if (rest === undefined || (rest.size === 0 && rest.complete)) return;
    const before = this.#late.get(sessionId);
    if (before === undefined && this.#late.size >= this.#limits.ended) this.#addUntold();
    // Of one that ends twice, what it knew the first time is not known to this one.
    else this.#addLate(sessionId, before === undefined && this.#searched < this.#limits.searched ? rest : LOST);
    if (this.#late.get(sessionId) !== rest) rest.forget();
    before?.forget();
  }

  #addLate(sessionId: string, rest: KnownValues): void {
    this.#late.set(sessionId, rest);
    if (rest !== LOST) this.#searched++;
    setTimeout(() => {
      // Of one that ended twice, the second minute counts.
      if (this.#late.get(sessionId) === rest) this.#late.delete(sessionId);
      if (rest === LOST) return;
      this.#searched--;
      rest.forget();
    }, LATE_MS).unref();
  }

  #addUntold(): void {
    this.#untold++;
    setTimeout(() => void this.#untold--, LATE_MS).unref();
  }

  /** What is to be looked for in what comes on record of a session, also of one that has just ended; none is made for it. */
  known(sessionId: string): readonly KnownValues[] {
    const now = this.#sessions.get(sessionId);
    const late = this.#lateOf(sessionId);
    // Asked for each event, and most sessions know nothing.
    if (late === undefined && (now === undefined || (now.size === 0 && now.complete))) return NONE;
    return [now, late].filter((one) => one !== undefined && (one.size > 0 || !one.complete)) as KnownValues[];
  }

  #lateOf(sessionId: string): KnownValues | undefined {
    if (this.#untold > 0) return this.#late.get(sessionId) ?? LOST;
    return this.#late.size === 0 ? undefined : this.#late.get(sessionId);
  }

  get size(): number {
    return this.#sessions.size;
  }
}
